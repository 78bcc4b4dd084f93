//! Base64 for binary metadata, twenty lines in place of a dependency.

use bytes::Bytes;
use http::HeaderValue;

/// The bytes in the standard alphabet without padding, which gRPC says should not be written.
pub(super) fn header_value(bytes: &[u8]) -> HeaderValue {
    let encoded = Bytes::from(encode(bytes));
    // The alphabet is ASCII, so this cannot fail.
    HeaderValue::from_maybe_shared(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Two digits for twelve bits: details are half a kilobyte, and most of the work on an answer.
static PAIRS: [u16; 1 << 12] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut pairs = [0; 1 << 12];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = u16::from_le_bytes([alphabet[bits >> 6], alphabet[bits & 63]]);
        bits += 1;
    }
    pairs
};

pub(super) fn encode(mut bytes: &[u8]) -> Vec<u8> {
    let mut encoded = vec![0; (bytes.len() * 4).div_ceil(3)];
    let (whole, last) = encoded.as_chunks_mut();
    for eight in whole {
        *eight = digits(bytes);
        bytes = &bytes[6..];
    }
    last.copy_from_slice(&digits(bytes)[..last.len()]);
    encoded
}

/// The digits of the first six bytes, as if zeros followed.
fn digits(bytes: &[u8]) -> [u8; 8] {
    let group = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut group = [0; 8];
        group[..bytes.len()].copy_from_slice(bytes);
        group
    });
    let bits = u64::from_be_bytes(group);
    let pair = |shift: u32| u64::from(PAIRS[(bits >> shift & 0xfff) as usize]);
    (pair(52) | pair(40) << 16 | pair(28) << 32 | pair(16) << 48).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_come_out_without_their_padding() {
        for (bytes, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), encoded.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xfe]), b"+//+");
    }

    #[test]
    fn every_digit_has_its_letter() {
        let alphabet = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let all: Vec<u8> = (0..16_u32)
            .map(|n| 4 * n)
            .map(|n| n << 18 | (n + 1) << 12 | (n + 2) << 6 | (n + 3))
            .flat_map(|group| group.to_be_bytes().into_iter().skip(1))
            .collect();
        assert_eq!(encode(&all), alphabet);
    }
}
