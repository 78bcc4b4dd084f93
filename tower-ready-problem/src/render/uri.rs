//! Texts within URI references (RFC 3986).

use std::borrow::Cow;

/// A path that a host accepted, which may hold more than a URI may. Its escapes stay.
pub(super) fn path(path: &str) -> Cow<'_, str> {
    escaped(path, |byte| is_pchar(byte) || matches!(byte, b'/' | b'%'))
}

/// Any text as a fragment.
pub(super) fn fragment(text: &str) -> Cow<'_, str> {
    escaped(text, |byte| is_pchar(byte) || matches!(byte, b'/' | b'?'))
}

/// §3.3, without the escapes.
const fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')')
        || matches!(byte, b'*' | b'+' | b',' | b';' | b'=')
}

/// §2.1. What needs no escape, which is nearly all there is, costs no allocation.
fn escaped(text: &str, is_plain: impl Fn(u8) -> bool) -> Cow<'_, str> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";

    if text.bytes().all(&is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let hex = |digit: u8| char::from(HEX[usize::from(digit)]);
            escaped.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_may_not_hold_is_escaped() {
        for (text, escaped) in [
            ("/items/0/name", "/items/0/name"),
            ("/a~1b/m~0n", "/a~1b/m~0n"),
            ("/two words", "/two%20words"),
            ("/100 %", "/100%20%25"),
            ("/c^d/\"e\"/#", "/c%5Ed/%22e%22/%23"),
            ("/\u{2713}", "/%E2%9C%93"),
            ("/a?b", "/a?b"),
        ] {
            assert_eq!(fragment(text), escaped);
        }
    }

    #[test]
    fn the_escapes_of_a_path_stay() {
        for (text, escaped) in [
            ("/orders/7", "/orders/7"),
            ("/a%20b", "/a%20b"),
            ("/{id}|\"", "/%7Bid%7D%7C%22"),
            ("/[1]", "/%5B1%5D"),
        ] {
            assert_eq!(path(text), escaped);
        }
    }
}
