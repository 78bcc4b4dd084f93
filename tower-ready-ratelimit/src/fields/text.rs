//! RFC 9651, as much of it as the fields need.

use http::HeaderValue;

/// RFC 9651 §3.3.1: an integer has at most fifteen digits.
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// A field's value in the making, on the stack as long as it is of the usual length.
pub(super) struct Text {
    stack: [u8; 256],
    len: usize,
    heap: Vec<u8>,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self { stack: [0; 256], len: 0, heap: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0 && self.heap.is_empty()
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.stack.get_mut(self.len..end) {
            Some(room) if self.heap.is_empty() => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => {
                if self.heap.is_empty() {
                    self.heap.extend_from_slice(&self.stack[..self.len]);
                }
                self.heap.extend_from_slice(bytes);
            }
        }
    }

    pub(super) fn separate(&mut self) {
        if !self.is_empty() {
            self.put(b", ");
        }
    }

    /// Names have neither quotes nor backslashes: a string of RFC 9651 §3.3.3 needs no escapes.
    pub(super) fn name(&mut self, name: &str) {
        self.put(b"\"");
        self.put(name.as_bytes());
        self.put(b"\"");
    }

    pub(super) fn parameter(&mut self, name: &[u8], value: u64) {
        self.put(name);
        let mut digits = [0; 20];
        self.put(decimal(value.min(MAX_INTEGER), &mut digits));
    }

    pub(super) fn into_value(self) -> HeaderValue {
        let bytes = if self.heap.is_empty() { &self.stack[..self.len] } else { &self.heap[..] };
        // Every byte is printable ASCII by construction, so this cannot fail.
        HeaderValue::from_bytes(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// A number as the value of a field.
pub(super) fn number(value: u64) -> HeaderValue {
    let mut text = Text::new();
    text.put(decimal(value, &mut [0; 20]));
    text.into_value()
}

fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[start..];
        }
    }
}
