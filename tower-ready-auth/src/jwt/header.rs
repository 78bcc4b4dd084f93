//! The header of a signed token, of which only the algorithm and the key id are of use.

use std::borrow::Cow;

use super::{
    Algorithm, Key, TokenError,
    json::{Json, Object},
};
use crate::Reason;

/// What a header says, once it says nothing that it must not.
#[derive(Debug, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Cow<'a, str>>,
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) content: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, TokenError> {
        let object = Object::parse(json).ok_or(Reason::MalformedToken)?;
        let mut algorithm = None;
        let (mut key_id, mut kind, mut content) = (None, None, None);
        for (name, value) in object {
            match &*name {
                "alg" => algorithm = Some(text(value)?),
                "kid" => key_id = Some(text(value)?),
                "typ" => kind = Some(text(value)?),
                "cty" => content = Some(text(value)?),
                // RFC 7515 §4.1.11 makes us refuse every extension that we do not process, and an
                // empty or senseless list; we process none. `b64` (RFC 7797) is one. A token names
                // its key, it does not bring it (RFC 8725 §3.10). The last two are of encrypted
                // tokens (RFC 7516 §4.1): compression, and the cipher.
                "crit" | "b64" | "jwk" | "jku" | "x5u" | "x5c" | "zip" | "enc" => {
                    return Err(Reason::ForbiddenHeader.into());
                }
                // RFC 7515 §4: what is not understood is ignored.
                _ => {}
            }
        }
        if key_id.as_deref().is_some_and(|id| id.len() > Key::MAX_ID) {
            return Err(Reason::TooLong.into());
        }
        let name = algorithm.ok_or(Reason::MalformedToken)?;
        let algorithm = Algorithm::from_name(&name).ok_or(Reason::UnsupportedAlgorithm)?;
        Ok(Self { algorithm, key_id, kind, content })
    }
}

fn text(value: Json<'_>) -> Result<Cow<'_, str>, TokenError> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(Reason::MalformedToken.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(json: &str) -> Reason {
        Header::parse(json.as_bytes()).unwrap_err().reason()
    }

    #[test]
    fn a_plain_header_is_read() {
        let header = Header::parse(br#"{"typ":"at+jwt","alg":"ES256","kid":"a","x5t":"?"}"#);
        let header = header.unwrap();
        assert_eq!(header.algorithm, Algorithm::ES256);
        assert_eq!(header.key_id.as_deref(), Some("a"));
        assert_eq!(header.kind.as_deref(), Some("at+jwt"));
        assert_eq!(header.content, None);
    }

    #[test]
    fn a_header_that_brings_a_key_or_asks_for_an_extension_is_refused() {
        for member in [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":["alg"]"#,
            r#""crit":["b64"],"b64":false"#,
            r#""crit":null"#,
            r#""b64":true"#,
            r#""jwk":{}"#,
            r#""jku":"https://evil.example/keys""#,
            r#""x5u":"https://evil.example/cert""#,
            r#""x5c":[]"#,
            r#""zip":"DEF""#,
            r#""enc":"A128GCM""#,
        ] {
            let json = format!(r#"{{"alg":"HS256",{member}}}"#);
            assert_eq!(reason(&json), Reason::ForbiddenHeader, "{json}");
        }
    }

    #[test]
    fn members_are_of_their_kind_and_there_once() {
        for json in [
            "{}",
            "[]",
            r#""HS256""#,
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","kid":7}"#,
            r#"{"alg":"HS256","typ":{}}"#,
            r#"{"alg":"HS256","cty":false}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"\u0061lg":"none","alg":"HS256"}"#,
            r#"{"alg":"HS256"} "x""#,
        ] {
            assert_eq!(reason(json), Reason::MalformedToken, "{json}");
        }
        let json = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257));
        assert_eq!(reason(&json), Reason::TooLong);
    }
}
