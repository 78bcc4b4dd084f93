use http::Uri;

/// Scheme, host and port, as they are compared (RFC 3986 §6.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default = match &*scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'))?;
        let host = authority.host().to_ascii_lowercase();
        Some(Self { scheme, host, port: authority.port_u16().unwrap_or(default) })
    }

    /// Whether a URL is of this origin and this path; query and fragment do not count (§4.2).
    pub(super) fn is_of(&self, url: &str, path: &str) -> bool {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let uri = url.parse::<Uri>();
        uri.is_ok_and(|uri| Self::of(&uri).as_ref() == Some(self) && uri.path() == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_compared_as_a_url() {
        let origin = Origin::of(&"https://api.example".parse().unwrap()).unwrap();
        for url in [
            "https://api.example/a",
            "HTTPS://API.example:443/a",
            "https://api.example/a?b=c",
            "https://api.example/a#b",
        ] {
            assert!(origin.is_of(url, "/a"), "{url}");
        }
        for url in [
            "http://api.example/a",
            "https://api.example:444/a",
            "https://api.example/A",
            "https://api.example/a/",
            "https://api.example",
            "https://api.example@evil.example/a",
            "https://user@api.example/a",
            "/a",
            "",
        ] {
            assert!(!origin.is_of(url, "/a"), "{url}");
        }
    }
}
