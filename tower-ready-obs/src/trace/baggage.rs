use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::inbound::BAGGAGE;
use crate::{ConfigError, ConfigErrorKind};

/// The keys of W3C Baggage that may be copied. Of what callers put there the rest stays where it is.
#[derive(Clone, Default)]
pub(super) struct AllowedBaggage(Vec<Box<str>>);

/// The most that is copied (W3C Baggage §3.3.2).
const MAX_MEMBERS: usize = 64;
const MAX_LEN: usize = 8192;

impl AllowedBaggage {
    pub(super) fn allow(&mut self, keys: impl IntoIterator<Item = impl Into<Box<str>>>) {
        self.0.extend(keys.into_iter().map(Into::into));
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.0.iter().find(|key| key.is_empty() || !key.bytes().all(is_token)) {
            Some(bad) => Err(ConfigError::new(ConfigErrorKind::Baggage(String::from(&**bad)))),
            None => Ok(()),
        }
    }

    /// The members that may be copied, with their properties.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let values = headers.get_all(BAGGAGE).into_iter().filter_map(|value| value.to_str().ok());
        let members = values.flat_map(|value| value.split(',')).map(str::trim);
        let allowed = members.filter(|member| self.allows(member)).take(MAX_MEMBERS);
        let mut text = String::new();
        for member in allowed {
            if text.len() + member.len() >= MAX_LEN {
                break;
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(member);
        }
        if text.is_empty() {
            return None;
        }
        HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
    }

    fn allows(&self, member: &str) -> bool {
        let Some((key, _)) = member.split_once('=') else { return false };
        self.0.iter().any(|allowed| **allowed == *key.trim_end())
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

impl fmt::Debug for AllowedBaggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[&str], values: &[&'static str]) -> Option<String> {
        let mut allowed = AllowedBaggage::default();
        allowed.allow(keys.iter().copied());
        allowed.check().unwrap();
        let value = |value: &&'static str| (BAGGAGE, HeaderValue::from_static(value));
        let headers = values.iter().map(value).collect();
        allowed.of(&headers).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_what_is_allowed_is_copied() {
        let values = ["tenant=acme;ttl=1, user=alice", "plan = gold,tenants=all"];
        assert_eq!(of(&[], &values), None);
        assert_eq!(of(&["tenant", "plan"], &values).unwrap(), "tenant=acme;ttl=1,plan = gold");
        assert_eq!(of(&["nobody"], &values), None);
        assert_eq!(of(&["tenant"], &["tenant"]), None);
    }

    #[test]
    fn what_is_copied_is_bounded() {
        let many: &'static str = Box::leak(vec!["k=1"; 100].join(",").into_boxed_str());
        assert_eq!(of(&["k"], &[many]).unwrap().split(',').count(), MAX_MEMBERS);
        let long: &'static str = Box::leak(format!("k={}", "v".repeat(5_000)).into_boxed_str());
        assert_eq!(of(&["k"], &[long, long]).unwrap().len(), 5_002);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "a b", "a,b", "a=b", "\u{e9}"] {
            let mut allowed = AllowedBaggage::default();
            allowed.allow([bad]);
            assert!(allowed.check().is_err(), "{bad:?}");
        }
    }
}
