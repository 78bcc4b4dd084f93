use http::Uri;

/// How a request came: `http` or `https`.
///
/// Over HTTP/1 a server is not told, and what a proxy says in a header anybody could say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum UrlScheme {
    /// In the clear, or decrypted before it came here.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl UrlScheme {
    pub(crate) const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// What the URI says, or else what we were told.
    #[inline]
    pub(crate) fn of(uri: &Uri, otherwise: Self) -> Self {
        match uri.scheme_str() {
            Some("http") => Self::Http,
            Some("https") => Self::Https,
            _ => otherwise,
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(crate) const fn port(self) -> &'static str {
        match self {
            Self::Http => "80",
            Self::Https => "443",
        }
    }
}
