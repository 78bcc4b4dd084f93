use std::{fmt, str};

use http::{HeaderMap, HeaderName};

/// The id of the trace that a request belongs to.
///
/// Like the [request id](crate::RequestId) it travels in a header, `traceparent`: a layer that
/// starts a new trace writes the header anew for those inside of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(u128);

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
        let value = values.next()?.as_bytes();
        if values.next().is_some() {
            return None;
        }
        let (known, rest) = value.split_at_checked(55)?;
        let &[v0, v1, b'-', ref middle @ .., b'-', f0, f1] = known else {
            return None;
        };
        let (trace, parent) = middle.split_at(32);
        let (&dash, parent) = parent.split_first()?;
        let version = hex(&[v0, v1]).filter(|&version| version != 0xff && dash == b'-')?;
        if !matches!((version, rest), (_, []) | (1.., [b'-', ..])) {
            return None;
        }
        hex(&[f0, f1])?;
        hex(parent).filter(|&parent| parent != 0)?;
        hex(trace).filter(|&trace| trace != 0).map(Self)
    }

    /// The id as text, written where the caller says: no formatter, no allocation.
    #[must_use]
    pub fn encode(self, text: &mut [u8; 32]) -> &str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (pairs, _) = text.as_chunks_mut();
        for (pair, byte) in pairs.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        }
        str::from_utf8(text).unwrap_or_default()
    }

    /// The id as a number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl From<u128> for TraceId {
    fn from(id: u128) -> Self {
        Self(id)
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

/// At most 32 digits, lower case as the standard demands.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
