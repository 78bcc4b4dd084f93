//! JSON by hand: half the time of a general serializer, and one allocation.

use bytes::Bytes;

use crate::Value;

/// Writes one JSON text into a buffer that the thread keeps.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer }
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.buffer.extend_from_slice(json.as_bytes());
    }

    /// The comma, where one is due, and the name of a member that needs no escaping.
    ///
    /// Inlined, since a name of known length is written in a few moves.
    #[inline]
    pub(crate) fn name(&mut self, name: &str) {
        if !matches!(self.buffer.last(), None | Some(b'{' | b'[')) {
            self.buffer.push(b',');
        }
        self.buffer.push(b'"');
        self.raw(name);
        self.raw("\":");
    }

    /// A member whose value is a string.
    pub(crate) fn member(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    /// A member whose value is a string that needs no escaping, such as an id.
    #[inline]
    pub(crate) fn plain_member(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.plain_strings([value]);
    }

    /// A string in parts that need no escaping.
    #[inline]
    pub(crate) fn plain_strings<const N: usize>(&mut self, parts: [&[u8]; N]) {
        self.buffer.push(b'"');
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.buffer.push(b'"');
    }

    /// A string (RFC 8259 §7).
    pub(crate) fn string(&mut self, text: &str) {
        self.strings([text]);
    }

    /// A string in parts.
    pub(crate) fn strings<const N: usize>(&mut self, parts: [&str; N]) {
        self.buffer.push(b'"');
        for part in parts {
            self.escaped(part.as_bytes());
        }
        self.buffer.push(b'"');
    }

    fn escaped(&mut self, mut text: &[u8]) {
        while let Some(at) = first_to_escape(text) {
            self.buffer.extend_from_slice(&text[..at]);
            self.escape(text[at]);
            text = &text[at + 1..];
        }
        self.buffer.extend_from_slice(text);
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                self.raw("\\u00");
                return self.buffer.extend([hex(byte >> 4), hex(byte & 15)]);
            }
        };
        self.buffer.extend([b'\\', short]);
    }

    pub(crate) fn unsigned(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.buffer.extend_from_slice(&digits[start..]);
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.string(text),
            Value::Unsigned(number) => self.unsigned(*number),
            Value::Integer(number) => {
                if *number < 0 {
                    self.raw("-");
                }
                self.unsigned(number.unsigned_abs());
            }
            // `Debug` writes the shortest text that reads back as the same number, in JSON's form.
            Value::Number(number) if number.is_finite() => self.raw(&format!("{number:?}")),
            Value::Number(_) => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            #[cfg(feature = "serde")]
            Value::Json(json) => self.raw(&json.0),
        }
    }
}

/// Where the first quote, backslash or control character is.
///
/// It looks at eight bytes at a time, the last of which overlap with those before.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        if let Some(at) = first_in_word(*word) {
            return Some(8 * n + at);
        }
    }
    match text.last_chunk() {
        _ if rest.is_empty() => None,
        Some(word) => first_in_word(*word).map(|at| text.len() - 8 + at),
        None => rest.iter().position(|byte| matches!(byte, ..0x20 | b'"' | b'\\')),
    }
}

/// In a borrow-free subtraction a byte below the bound sets its own top bit. A borrow can only come
/// from a lower byte that is a find itself, so the lowest find is exact.
fn first_in_word(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let slash = below(word ^ (ONES * u64::from(b'\\')), 1);
    let found = (below(word, 0x20) | quote | slash) & TOPS;
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// Writes a text in a buffer of the thread's own and returns it at its exact length, so that the
/// text costs one allocation however it grew.
pub(crate) fn write(write: impl FnOnce(&mut Writer<'_>)) -> Bytes {
    scratch(|buffer| {
        write(&mut Writer::new(buffer));
        Bytes::copy_from_slice(buffer)
    })
}

/// Lends an empty buffer that the thread keeps.
pub(crate) fn scratch<T>(fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    use std::cell::Cell;

    /// What one large problem may leave behind.
    const KEPT: usize = 16 * 1024;

    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    // A fill that uses the scratch itself finds an empty buffer in its place, and all is well.
    let mut buffer = BUFFER.take();
    let filled = fill(&mut buffer);
    if buffer.capacity() <= KEPT {
        buffer.clear();
        BUFFER.set(buffer);
    }
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> String {
        String::from_utf8(write(|json| json.string(text)).to_vec()).unwrap()
    }

    fn value(value: impl Into<Value>) -> String {
        let value = value.into();
        String::from_utf8(write(|json| json.value(&value)).to_vec()).unwrap()
    }

    #[test]
    fn every_single_character_reads_back() {
        for code in (0..0x300).chain([0x2028, 0xfeff, 0x1f600]) {
            let text = char::from_u32(code).unwrap().to_string();
            assert_eq!(serde_json::from_str::<String>(&string(&text)).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn strings_read_back_as_they_were(text in "(?s)[\\x00-\\x7f\u{80}-\u{10ffff}]{0,40}") {
            prop_assert_eq!(serde_json::from_str::<String>(&string(&text)).unwrap(), text);
        }

        #[test]
        fn what_needs_an_escape_is_found_where_it_is(text: Vec<u8>) {
            let plain = text.iter().position(|byte| matches!(byte, ..0x20 | b'"' | b'\\'));
            prop_assert_eq!(first_to_escape(&text), plain);
        }

        #[test]
        fn numbers_read_back_as_they_were(signed: i64, unsigned: u64, float: f64) {
            prop_assert_eq!(value(signed), signed.to_string());
            prop_assert_eq!(value(unsigned), unsigned.to_string());
            prop_assert!(serde_json::from_str::<f64>(&value(float)).is_ok());
            prop_assert_eq!(value(float).parse::<f64>().unwrap(), float);
        }
    }

    #[test]
    fn a_number_that_is_none_is_null() {
        assert_eq!(value(f64::NAN), "null");
        assert_eq!(value(f64::INFINITY), "null");
        assert_eq!(value(i64::MIN), "-9223372036854775808");
    }

    #[test]
    fn the_scratch_may_be_used_within_itself() {
        let outer = scratch(|outer| {
            outer.push(1);
            let inner = scratch(|inner| {
                inner.push(2);
                inner.clone()
            });
            assert_eq!(inner, [2]);
            outer.clone()
        });
        assert_eq!(outer, [1]);
    }
}
