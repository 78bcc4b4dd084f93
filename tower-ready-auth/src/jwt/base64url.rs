//! Base64url as RFC 7515 §2 has it: no padding, no white space, and one text for each value.

use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};

/// Stray bits in the last character are refused: else one signature would have four texts, and a
/// list of revoked tokens or a cache would take the same token for another.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

pub(crate) fn encode(bytes: &[u8]) -> String {
    STRICT.encode(bytes)
}

pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// Decodes into a buffer, and returns the part of it that was used.
pub(crate) fn decode_into<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let used = STRICT.decode_slice(text, buffer).ok()?;
    buffer.get(..used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_text() {
        assert_eq!(decode(b"-_8").unwrap(), [0xfb, 0xff]);
        for text in ["-_8=", "-_9", "-_8\n", " -_8", "+/8", "-_8 ", "-", "-_8\0", "\u{feff}-_8"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
