use http::{HeaderMap, HeaderName, HeaderValue};

/// More names than these are found faster by their hashes.
const FEW: usize = 5;

/// The first value of this header, as [`HeaderMap::get`] finds it, for heads of answers and for
/// trailers: most have a handful of names, which are compared in less time than one is hashed.
#[must_use]
#[inline]
pub fn lookup<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    if headers.len() > FEW {
        return headers.get(name);
    }
    headers.iter().find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};

    use super::*;

    #[test]
    fn it_finds_what_the_map_finds() {
        let custom = HeaderName::from_static("grpc-status");
        let names = [CONTENT_TYPE, custom, SET_COOKIE, CONTENT_LENGTH];
        let mut headers = HeaderMap::new();
        for n in 0..3 * FEW {
            for name in &names {
                assert_eq!(lookup(&headers, name), headers.get(name), "{n} values, {name}");
            }
            headers.append(&names[n % 3], HeaderValue::from(n));
        }
    }
}
