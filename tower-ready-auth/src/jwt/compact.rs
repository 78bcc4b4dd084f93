//! The compact form of a signed token (RFC 7515 §7.1): three parts of base64url and two dots.

use std::borrow::Cow;

use memchr::{memchr, memrchr};

use super::{TokenError, base64url};
use crate::Reason;

/// The longest header part. The header of a token has an algorithm, a type and a key id.
const MAX_HEADER: usize = 1_024;

/// The longest signature is that of an RSA key of 8192 bits.
const MAX_SIGNATURE: usize = 1_024;

/// Room for the signatures of most keys, an RSA key of 2048 bits among them, and not for more, since
/// it is zeroed for every token.
pub(crate) const SIGNATURE_ROOM: usize = 258;

/// A token that has the right form, of which nothing is believed yet.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// What was signed: the first two parts, as they were received (RFC 7515 §5.2).
    pub(crate) signed: &'a [u8],
}

/// Room to decode a header into, on the stack of the caller. The decoder wants a little more than it
/// fills.
pub(crate) const fn header_room() -> [u8; MAX_HEADER / 4 * 3 + 3] {
    [0; MAX_HEADER / 4 * 3 + 3]
}

impl<'a> Compact<'a> {
    /// Splits a token, without a copy. What has not the length and the two dots of one is found out
    /// by one look at its bytes, many at a time.
    pub(crate) fn split(token: &'a [u8], max: usize) -> Result<Self, TokenError> {
        if token.len() > max {
            return Err(Reason::TooLong.into());
        }
        let malformed = || TokenError::from(Reason::MalformedToken);
        let first = memchr(b'.', token).ok_or_else(malformed)?;
        let second = memrchr(b'.', token).filter(|second| *second > first).ok_or_else(malformed)?;
        let it = Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            signed: &token[..second],
        };
        // Five parts would be an encrypted one. RFC 7515 §5.2: an unsigned one has an empty
        // signature, and is none of ours.
        if memchr(b'.', it.payload).is_some() || it.header.is_empty() || it.signature.is_empty() {
            return Err(malformed());
        }
        if it.header.len() > MAX_HEADER || it.signature.len() > MAX_SIGNATURE / 3 * 4 + 4 {
            return Err(Reason::TooLong.into());
        }
        Ok(it)
    }

    /// The signature, in the room of the caller unless it is a long one.
    pub(crate) fn decode_signature<'r>(
        &self,
        room: &'r mut [u8; SIGNATURE_ROOM],
    ) -> Result<Cow<'r, [u8]>, TokenError> {
        let decoded = if self.signature.len() <= SIGNATURE_ROOM / 3 * 4 {
            base64url::decode_into(self.signature, room).map(Cow::Borrowed)
        } else {
            base64url::decode(self.signature).map(Cow::Owned)
        };
        decoded.ok_or_else(|| Reason::MalformedToken.into())
    }

    pub(crate) fn decode_payload(&self) -> Result<Vec<u8>, TokenError> {
        base64url::decode(self.payload).ok_or_else(|| Reason::MalformedToken.into())
    }
}
