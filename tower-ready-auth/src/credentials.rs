//! Credentials in the head of a request (RFC 6750 §2, RFC 9110 §11.4).

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use tower_ready_core::Head;

use crate::Reason;

/// Where API keys come, besides `Authorization`.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    None,
    /// After the scheme `Bearer`.
    Bearer(&'a [u8]),
    /// After the scheme `DPoP`.
    Bound(&'a [u8]),
    /// After the scheme `ApiKey`, or in the header for keys.
    Key(&'a [u8]),
}

impl<'a> Credentials<'a> {
    /// As they came.
    pub(crate) const fn text(self) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Bearer(text) | Self::Bound(text) | Self::Key(text) => text,
        }
    }

    /// Finds them. `keys` is the header for API keys, if there are any; `bound` says whether tokens
    /// may come with a proof.
    pub(crate) fn of(
        head: &Head<'a>,
        keys: Option<&HeaderName>,
        bound: bool,
    ) -> Result<Self, Reason> {
        let authorization = one(head.headers(), &AUTHORIZATION)?;
        let key = match keys {
            Some(name) => one(head.headers(), name)?,
            None => None,
        };
        // RFC 6750 §2: a client uses one method. The query is none of ours, but a token in it says
        // that whoever sent this does not know which of the two it means.
        let has_one = authorization.is_some() || key.is_some();
        let has_two = authorization.is_some() && key.is_some();
        if has_two || has_one && head.uri().query().is_some_and(has_token) {
            return Err(Reason::SeveralCredentials);
        }
        if let Some(key) = key {
            return token(key.as_bytes()).map(Self::Key);
        }
        let Some(authorization) = authorization else {
            return Ok(Self::None);
        };
        let authorization = authorization.as_bytes();
        let space = authorization.iter().position(|byte| *byte == b' ');
        let (scheme, rest) = authorization.split_at(space.unwrap_or(authorization.len()));
        // RFC 9110 §11.1: the scheme is compared without regard to case, and one space follows.
        if scheme.eq_ignore_ascii_case(b"bearer") {
            token(rest.get(1..).unwrap_or_default()).map(Self::Bearer)
        } else if bound && scheme.eq_ignore_ascii_case(b"dpop") {
            token(rest.get(1..).unwrap_or_default()).map(Self::Bound)
        } else if keys.is_some() && scheme.eq_ignore_ascii_case(b"apikey") {
            token(rest.get(1..).unwrap_or_default()).map(Self::Key)
        } else if scheme.is_empty() || !scheme.iter().all(|byte| is_scheme(*byte)) {
            Err(Reason::MalformedCredentials)
        } else {
            Err(Reason::UnknownScheme)
        }
    }
}

/// Marks the credentials, so that no log of headers and no header compression keeps them, or takes
/// them away.
pub(crate) fn hide(headers: &mut HeaderMap, keys: Option<&HeaderName>, remove: bool) {
    for name in [Some(&AUTHORIZATION), keys].into_iter().flatten() {
        if remove {
            headers.remove(name);
        } else if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

/// Marks credentials that nobody has looked at. There may be several, and since they may be meant for
/// somebody inside, they are not taken away.
pub(crate) fn mark(headers: &mut HeaderMap, keys: Option<&HeaderName>) {
    for (name, value) in headers {
        if *name == AUTHORIZATION || Some(name) == keys {
            value.set_sensitive(true);
        }
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Reason> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Reason::SeveralCredentials);
    }
    Ok(first)
}

/// There has to be something; whoever checks it takes less than a `b64token` (RFC 6750 §2.1).
fn token(text: &[u8]) -> Result<&[u8], Reason> {
    if text.is_empty() { Err(Reason::MalformedCredentials) } else { Ok(text) }
}

/// The name of a scheme is a token; of those that there are, none has more than these.
const fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn has_token(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("access_token="))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(uri: &str, headers: &[(&str, &[u8])]) -> Result<String, Reason> {
        let mut request = Request::get(uri).body(()).unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append(name, value);
        }
        let found = Credentials::of(&Head::of(&request), Some(&X_API_KEY), false)?;
        Ok(match found {
            Credentials::None => "none".to_owned(),
            Credentials::Bearer(token) => format!("bearer {}", token.escape_ascii()),
            Credentials::Bound(token) => format!("bound {}", token.escape_ascii()),
            Credentials::Key(key) => format!("key {}", key.escape_ascii()),
        })
    }

    #[test]
    fn credentials_are_found_where_they_may_be() {
        for (headers, found) in [
            (&[][..], "none"),
            (&[("authorization", &b"Bearer a.b-c_~+/="[..])], "bearer a.b-c_~+/="),
            (&[("authorization", b"bEARER x")], "bearer x"),
            (&[("authorization", b"ApiKey k")], "key k"),
            (&[("x-api-key", b"k")], "key k"),
            // gRPC's binary metadata and cookies are no place for them.
            (&[("authorization-bin", b"Bearer x")], "none"),
            (&[("cookie", b"access_token=x")], "none"),
        ] {
            assert_eq!(of("/", headers).as_deref(), Ok(found));
        }
        assert_eq!(of("/?access_token=x", &[]).as_deref(), Ok("none"));
    }

    #[test]
    fn two_credentials_are_refused() {
        let bearer = ("authorization", &b"Bearer x"[..]);
        let key = ("x-api-key", &b"k"[..]);
        for headers in [[bearer, bearer], [key, key], [bearer, key]] {
            assert_eq!(of("/", &headers), Err(Reason::SeveralCredentials));
        }
        for query in ["/?access_token=x", "/?a=b&access_token=x"] {
            for header in [bearer, key] {
                assert_eq!(of(query, &[header]), Err(Reason::SeveralCredentials));
            }
        }
        assert!(of("/?no_access_token=x", &[bearer]).is_ok());
    }

    #[test]
    fn what_is_not_written_as_credentials_is_refused() {
        for value in [&b""[..], b"Bearer", b"Bearer ", b"Bearer\tx", b" x", b"\"x\" y"] {
            let refused = of("/", &[("authorization", value)]);
            assert!(
                matches!(refused, Err(Reason::MalformedCredentials | Reason::UnknownScheme)),
                "{} {refused:?}",
                value.escape_ascii()
            );
        }
        for value in [&b"Basic dTpw"[..], b"DPoP x", b"x"] {
            assert_eq!(of("/", &[("authorization", value)]), Err(Reason::UnknownScheme));
        }
    }
}
