use std::borrow::Cow;

use http::HeaderValue;

/// Percent-encodes a message for the header `grpc-message`.
///
/// Everything outside of printable ASCII, and `%` itself, is written as `%XX`, so that any text is
/// a valid header value.
#[must_use]
pub fn encode_message(message: &str) -> HeaderValue {
    // Nearly every message is plain as it is. It is looked at to its end, since that takes eight
    // bytes and more at a time.
    let plain = message.bytes().fold(true, |plain, byte| plain & is_plain(byte));
    if plain && let Ok(value) = HeaderValue::from_str(message) {
        return value;
    }
    let mut encoded = Vec::with_capacity(message.len());
    for &byte in message.as_bytes() {
        if is_plain(byte) {
            encoded.push(byte);
        } else {
            encoded.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    // Every byte is printable ASCII by construction, so this cannot fail.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(encoded))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Reads the header `grpc-message`.
///
/// As the specification asks, nothing is thrown away: an escape that is not one stays as it is, and
/// bytes that are no UTF-8 are replaced.
#[must_use]
pub fn decode_message(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                decoded.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                tail
            }
            _ => {
                decoded.push(*byte);
                tail
            }
        };
    }
    match String::from_utf8_lossy(&decoded) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'%'
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_escaped_as_the_specification_says() {
        for (message, encoded) in [
            ("plain text, with ~!", "plain text, with ~!"),
            ("100 %", "100 %25"),
            ("line\r\nbreak", "line%0D%0Abreak"),
            ("\u{2713}", "%E2%9C%93"),
            ("\u{7f}", "%7F"),
        ] {
            assert_eq!(encode_message(message), encoded);
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (encoded, message) in [
            ("100 %", "100 %"),
            ("%zz", "%zz"),
            ("%2", "%2"),
            ("%e2%9c%93", "\u{2713}"),
            ("%FF", "\u{fffd}"),
        ] {
            assert_eq!(decode_message(&HeaderValue::from_static(encoded)), message);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_message_comes_back(message: String) {
            proptest::prop_assert_eq!(decode_message(&encode_message(&message)), message);
        }
    }
}
