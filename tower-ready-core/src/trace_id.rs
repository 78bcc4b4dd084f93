use std::{fmt, str};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hex;

/// The id of the trace that a request belongs to.
///
/// Like the [request id](crate::RequestId) it travels in a header, `traceparent`: a layer that
/// starts a new trace writes the header anew for those inside of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// The header that carries it.
    pub const HEADER: HeaderName = HeaderName::from_static("traceparent");

    /// The trace that these headers name, by the rules of W3C Trace Context level 2 §3.2.
    ///
    /// More than one header, an id of zeros or capitals, and the version `ff` name none. A version
    /// that is yet to come may go on after its flags.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(Self::HEADER).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { Self::from_value(value) }
    }

    /// The trace that this header value names, if it names one.
    #[must_use]
    pub fn from_value(value: &HeaderValue) -> Option<Self> {
        Self::peek(value).and_then(|parent| Self::parse(&parent))
    }

    /// How long the part of a `traceparent` is that every version has.
    pub const PARENT_LEN: usize = 55;

    /// The part of a `traceparent` that every version has, to be kept and [parsed](Self::parse) when
    /// somebody asks: that is less to do for most requests.
    #[must_use]
    #[inline]
    pub fn peek(value: &HeaderValue) -> Option<[u8; Self::PARENT_LEN]> {
        let (known, rest) = value.as_bytes().split_first_chunk()?;
        let goes_on = match rest {
            [] => true,
            [first, ..] => *first == b'-' && known[..2] != *b"00",
        };
        goes_on.then_some(*known)
    }

    /// The trace that the known part of a `traceparent` names, if it names one.
    #[must_use]
    pub fn parse(known: &[u8; Self::PARENT_LEN]) -> Option<Self> {
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let version = hex::decode(hex::pad([known[0], known[1]]))?;
        let mut id = [0; 16];
        let (digits, _) = known[3..35].as_chunks();
        let (places, _) = id.as_chunks_mut();
        for (place, eight) in places.iter_mut().zip(digits) {
            *place = hex::decode(*eight)?.to_be_bytes();
        }
        let (parent, _) = known[36..52].as_chunks();
        let parent = hex::decode(parent[0])? | hex::decode(parent[1])?;
        hex::decode(hex::pad([known[53], known[54]]))?;
        let known = dashes && version != 0xff && parent != 0 && id != [0; 16];
        known.then_some(Self(id))
    }

    /// The digits of the id, as ASCII.
    #[must_use]
    pub fn to_digits(self) -> [u8; 32] {
        hex::encode(self.0)
    }

    /// The id as text, written where the caller says: no formatter, no allocation.
    #[must_use]
    pub fn encode(self, text: &mut [u8; 32]) -> &str {
        *text = self.to_digits();
        str::from_utf8(text).unwrap_or_default()
    }

    /// The id as a number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl From<u128> for TraceId {
    fn from(id: u128) -> Self {
        Self(id.to_be_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; 32]))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    fn of(values: &[&str]) -> Option<String> {
        let value = |value: &&str| (TraceId::HEADER, HeaderValue::from_str(value).unwrap());
        TraceId::of(&values.iter().map(value).collect()).map(|id| id.to_string())
    }

    #[test]
    fn a_well_formed_header_names_its_trace() {
        for value in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.the.future",
        ] {
            assert_eq!(of(&[value]).as_deref(), Some(ID), "{value}");
        }
    }

    #[test]
    fn anything_else_names_none() {
        for value in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319`-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319:-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        ] {
            assert_eq!(of(&[value]), None, "{value}");
        }
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(of(&[value, value]), None);
        assert_eq!(of(&[]), None);
    }
}
