use std::{fmt, num::NonZeroU64, str};

use tower_ready_core::TraceId;

use crate::random;

/// The id of one span within its trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// A new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::non_zero())
    }

    /// The id that this number is; zero is none (W3C Trace Context §3.2.2.4).
    #[must_use]
    pub const fn from_u64(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The id as a number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The id as text, written where the caller says: no formatter, no allocation.
    #[must_use]
    pub fn encode(self, text: &mut [u8; 16]) -> &str {
        *text = self.to_digits();
        str::from_utf8(text).unwrap_or_default()
    }

    /// The digits of the id, as ASCII.
    #[must_use]
    pub fn to_digits(self) -> [u8; 16] {
        // The digits of a number of twice the width end in ours.
        let wide = TraceId::from(u128::from(self.as_u64())).to_digits();
        let mut digits = [0; 16];
        digits.copy_from_slice(&wide[16..]);
        digits
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; 16]))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_sixteen_digits_and_never_zero() {
        let id = SpanId::from_u64(0x00f0_67aa_0ba9_02b7).unwrap();
        assert_eq!(id.to_string(), "00f067aa0ba902b7");
        assert_eq!(SpanId::from_u64(0), None);
        assert_ne!(SpanId::generate(), SpanId::generate());
    }
}
