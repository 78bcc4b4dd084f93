//! Hexadecimal digits, in lower case.

const ONES: u64 = u64::MAX / 0xff;
const LOW: u64 = ONES * 0xf;

/// Sixteen bytes as digits, eight of them at once.
pub(crate) fn encode(bytes: [u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    let (eights, _) = text.as_chunks_mut();
    let (fours, _) = bytes.as_chunks();
    for (eight, four) in eights.iter_mut().zip(fours) {
        let fours = u64::from(u32::from_be_bytes(*four));
        let pairs = (fours | fours << 16) & 0x0000_ffff_0000_ffff;
        let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
        let digits = (bytes | bytes << 4) & LOW;
        *eight = digits_as_text(digits).to_be_bytes();
    }
    text
}

const fn digits_as_text(digits: u64) -> u64 {
    let letters = ((digits + ONES * 6) >> 4) & ONES;
    digits + ONES * b'0' as u64 + letters * (b'a' - b'9' - 1) as u64
}

/// Eight digits as a number; capitals are no digits.
///
/// Each byte is read as if it were a digit, all at once, and the number is right if writing it
/// again gives the same text.
pub(crate) const fn decode(text: [u8; 8]) -> Option<u32> {
    let text = u64::from_be_bytes(text);
    let letters = (text >> 6) & ONES;
    let digits = ((text & LOW) + letters * 9) & LOW;
    if digits_as_text(digits) != text {
        return None;
    }
    let pairs = (digits | digits >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) as u32)
}

/// Two digits as eight.
pub(crate) const fn pad([high, low]: [u8; 2]) -> [u8; 8] {
    [b'0', b'0', b'0', b'0', b'0', b'0', high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let bytes = std::array::from_fn(|n| 0x11_u8.wrapping_mul(n as u8) ^ 0x5a);
        let text = encode(bytes);
        let (eights, _) = text.as_chunks();
        let read = eights.iter().flat_map(|eight| decode(*eight).unwrap().to_be_bytes());
        assert!(read.eq(bytes));
    }

    #[test]
    fn only_sixteen_bytes_are_digits() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut text = [b'0'; 8];
                text[place] = byte;
                let digit = b"0123456789abcdef".iter().position(|digit| *digit == byte);
                let number = digit.map(|digit| (digit as u32) << (4 * (7 - place)));
                assert_eq!(decode(text), number, "{byte:#x} at {place}");
            }
        }
    }
}
