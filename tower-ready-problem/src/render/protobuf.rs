//! The few rules of protocol buffers that the details need.

/// The longest message that fits into a length of two bytes.
pub(super) const MAX_MESSAGE: usize = (1 << 14) - 1;

pub(super) fn varint(buffer: &mut Vec<u8>, field: u8, mut value: u64) {
    buffer.push(field << 3);
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

pub(super) fn string(buffer: &mut Vec<u8>, field: u8, text: &str) {
    if text.len() <= MAX_MESSAGE {
        buffer.extend(head(field, text.len()));
        buffer.extend_from_slice(text.as_bytes());
    }
}

/// A field of bytes, text or a message.
///
/// Its length is written as two bytes whatever it is, which readers must accept, and filled in
/// afterwards: so nested messages are written into one buffer in one pass. What would not fit is
/// left out.
pub(super) fn message(buffer: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    buffer.extend(head(field, 0));
    let content = buffer.len();
    write(buffer);
    let length = buffer.len() - content;
    if length > MAX_MESSAGE {
        buffer.truncate(start);
    } else if let Some(place) = buffer.get_mut(start..content) {
        place.copy_from_slice(&head(field, length));
    }
}

/// The number of a field and the length of its content.
const fn head(field: u8, length: usize) -> [u8; 3] {
    [field << 3 | 2, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8]
}
