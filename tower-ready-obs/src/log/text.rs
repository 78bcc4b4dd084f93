//! What callers chose, as text that forges nothing: bounded, and of printable characters alone.

use std::{borrow::Cow, fmt::Write};

/// The longest piece of what a caller sent.
const MAX_LEN: usize = 256;

/// A path in which all that cannot stand in one is percent-encoded (RFC 3986 §2.1), and with it
/// quotes, backslashes and all that a terminal or a parser of logs might take for its own.
pub(crate) fn bounded_path(path: &str) -> Cow<'_, str> {
    let bytes = &path.as_bytes()[..path.len().min(MAX_LEN)];
    let is_whole = bytes.len() == path.len();
    if is_whole && bytes.iter().all(|byte| may_stand(*byte)) {
        return Cow::Borrowed(path);
    }
    let mut text = String::with_capacity(MAX_LEN);
    for byte in bytes {
        if may_stand(*byte) {
            text.push(char::from(*byte));
        } else {
            // A string does not fail to grow.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text.truncate(MAX_LEN);
    if !is_whole {
        text.push_str("...");
    }
    Cow::Owned(text)
}

/// The characters of a path and a query (RFC 3986 §3.3, §3.4), and the sign of what is encoded already.
const fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'?'
                | b'%'
        )
}

/// A value between quotes, in which all that is not printable is escaped.
pub(super) fn push_quoted(text: &mut String, value: &[u8]) {
    text.push('"');
    for byte in &value[..value.len().min(MAX_LEN)] {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push_str(if value.len() > MAX_LEN { "...\"" } else { "\"" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_stays_as_it_is() {
        for path in ["", "/", "/orders/42", "/a%20b", "/a:b@c/(d)*"] {
            assert_eq!(bounded_path(path), path);
        }
    }

    #[test]
    fn what_could_forge_a_line_is_encoded() {
        assert_eq!(bounded_path("/a\"b\\c\n{d}\u{1b}[31m"), "/a%22b%5Cc%0A%7Bd%7D%1B%5B31m");
        assert_eq!(bounded_path("/\u{e9}\u{202e}"), "/%C3%A9%E2%80%AE");
    }

    #[test]
    fn a_long_path_is_cut() {
        let cut = bounded_path(&"/a".repeat(1_000)).into_owned();
        assert_eq!(cut.len(), MAX_LEN + 3);
        let cut = bounded_path(&"\u{e9}".repeat(1_000)).into_owned();
        assert!(cut.len() <= MAX_LEN + 3 && cut.is_ascii());
    }

    #[test]
    fn a_quoted_value_has_no_end_of_its_own() {
        let mut text = String::new();
        push_quoted(&mut text, b"a\" b=\"c\\ \r\n\x1b\xff");
        assert_eq!(text, r#""a\" b=\"c\\ \x0d\x0a\x1b\xff""#);
        text.clear();
        push_quoted(&mut text, &[b'v'; 300]);
        assert_eq!(text.len(), MAX_LEN + 5);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_printable_and_bounded_afterwards(path: String, value: Vec<u8>) {
            let mut quoted = String::new();
            push_quoted(&mut quoted, &value);
            for text in [&*bounded_path(&path), &*quoted] {
                proptest::prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                proptest::prop_assert!(text.len() <= 4 * MAX_LEN + 5);
            }
        }
    }
}
