//! The id of a request.

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hex;

/// The id by which a request is known in every answer, log line and call that it causes.
///
/// It travels in the header `x-request-id` and nowhere else: the header is there already, where a
/// first value in the extensions of a request costs three allocations, and the next hop needs the
/// header anyway. An id is 1 to 128 of `[A-Za-z0-9._~-]`; what is not is no id, so that nothing a
/// caller sends can forge a log line. Two headers are none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The header that carries it.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

    /// The longest id.
    pub const MAX_LEN: usize = 128;

    /// The id that these headers carry.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(Self::HEADER).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { Self::from_value(value) }
    }

    /// The id that this header value is, if it is one.
    #[must_use]
    pub fn from_value(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        // Looked at to the end, since that takes many bytes at a time.
        let valid = matches!(bytes.len(), 1..=Self::MAX_LEN)
            && bytes.iter().fold(true, |valid, byte| valid & is_id(*byte));
        valid.then(|| Self(value.clone()))
    }

    /// A new id: a UUID of version 7 (RFC 9562 §5.7), which sorts by the time it was made.
    #[must_use]
    pub fn generate() -> Self {
        let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let millis = u128::from(time.as_secs()) * 1_000 + u128::from(time.subsec_millis());
        let random = u128::from(random()) << 64 | u128::from(random());
        let uuid = millis << 80 | random & !(!0 << 80);
        let uuid = uuid & !(0xf << 76) | 0x7 << 76; // the version
        let uuid = uuid & !(0b11 << 62) | 0b10 << 62; // the variant
        let text = hyphenated(uuid);
        #[expect(clippy::expect_used, reason = "hexadecimal digits and hyphens are a header value")]
        Self(HeaderValue::from_bytes(&text).expect("a UUID is a header value"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of its header: a cheap clone.
    #[must_use]
    pub const fn as_header_value(&self) -> &HeaderValue {
        &self.0
    }

    /// The id as the value of its header, when nobody needs it any longer.
    #[must_use]
    pub fn into_header_value(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const fn is_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-')
}

/// Random enough to be unique and not to be guessed, but no secret: SipHash of a counter, under a
/// key of the thread's own that the system's random source made. A read of that source for each id
/// would cost forty times as much.
fn random() -> u64 {
    thread_local! {
        static STATE: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
    }
    STATE.with(|(key, counter)| {
        let count = counter.get();
        counter.set(count.wrapping_add(1));
        key.hash_one(count)
    })
}

fn hyphenated(uuid: u128) -> [u8; 36] {
    let digits = hex::encode(uuid.to_be_bytes());
    let mut text = [b'-'; 36];
    for (start, group) in [(0, 0..8), (9, 8..12), (14, 12..16), (19, 16..20), (24, 20..32)] {
        text[start..start + group.len()].copy_from_slice(&digits[group]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static [u8]]) -> HeaderMap {
        values
            .iter()
            .map(|value| (RequestId::HEADER, HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn only_a_well_formed_id_is_one() {
        let longest = [b'a'; 128];
        let too_long = [b'a'; 129];
        assert!(RequestId::from_value(&HeaderValue::from_bytes(&longest).unwrap()).is_some());
        assert!(RequestId::from_value(&HeaderValue::from_bytes(&too_long).unwrap()).is_none());
        assert_eq!(RequestId::of(&headers(&[b"A-z0.9_~"])).unwrap().as_str(), "A-z0.9_~");
        for bad in [&b""[..], b"a b", b"a\tb", b"\"", b"a,b", b"a=b", b"\xe2\x9c\x93", b"a%0a"] {
            assert_eq!(RequestId::of(&headers(&[bad])), None, "{bad:?}");
        }
    }

    #[test]
    fn two_headers_are_no_id() {
        assert_eq!(RequestId::of(&headers(&[b"one", b"two"])), None);
        assert_eq!(RequestId::of(&headers(&[])), None);
    }

    #[test]
    fn a_new_id_is_a_uuid_of_version_seven() {
        let id = RequestId::generate();
        let text = id.as_str();
        assert_eq!(text.len(), 36);
        for (place, byte) in text.bytes().enumerate() {
            match place {
                8 | 13 | 18 | 23 => assert_eq!(byte, b'-'),
                14 => assert_eq!(byte, b'7'),
                19 => assert!(matches!(byte, b'8' | b'9' | b'a' | b'b')),
                _ => assert!(matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            }
        }
        let millis = u64::from_str_radix(&text.replace('-', "")[..12], 16).unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        assert!(now.abs_diff(millis) < 60_000);
        assert_eq!(RequestId::from_value(id.as_header_value()), Some(id));
    }

    #[test]
    fn new_ids_differ_on_every_thread() {
        let make = || (0..1_000).map(|_| RequestId::generate()).collect::<Vec<_>>();
        let other = std::thread::spawn(make);
        let mut ids = make();
        ids.extend(other.join().unwrap());
        let unique = ids.iter().collect::<std::collections::HashSet<_>>();
        assert_eq!(unique.len(), ids.len());
    }
}
