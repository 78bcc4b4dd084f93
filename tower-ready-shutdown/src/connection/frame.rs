//! How far a frame of HTTP/2 has come, however its bytes are cut. Pure.

/// One frame after the other: where the present one is, and what it or the last one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// How much of its head has come.
    head: u8,
    /// How long its payload is, or what is left of that.
    left: u32,
    kind: Option<u8>,
    flags: u8,
}

/// RFC 9113 §4.1: a length of three bytes, a type, flags, and a stream of four bytes.
pub(super) const HEAD: u8 = 9;
pub(super) const TYPE: u8 = 3;
pub(super) const FLAGS: u8 = 4;

pub(super) const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_HEADERS: u8 = 4;

impl Frame {
    /// Goes on to the end of the present frame, if that is within these bytes. How many it took.
    pub(super) fn step(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.head < HEAD {
            let Some(&byte) = bytes.get(taken) else { return taken };
            match self.head {
                0 => *self = Self { left: byte.into(), ..Self::default() },
                1..TYPE => self.left = self.left << 8 | u32::from(byte),
                TYPE => self.kind = Some(byte),
                FLAGS => self.flags = byte,
                _ => {}
            }
            self.head += 1;
            taken += 1;
        }
        let payload = (bytes.len() - taken).min(self.left as usize);
        self.left -= payload as u32;
        if self.left == 0 {
            self.head = 0;
        }
        taken + payload
    }

    /// Whether a frame is over, or none has begun.
    pub(super) const fn is_over(self) -> bool {
        self.head == 0
    }

    /// The type of the present frame as soon as it is known, or of the last one.
    pub(super) const fn kind(self) -> Option<u8> {
        self.kind
    }

    /// RFC 9113 §4.3: after such a frame nothing comes but its continuation.
    pub(super) const fn is_to_be_continued(self) -> bool {
        matches!(self.kind, Some(HEADERS | PUSH_PROMISE | CONTINUATION))
            && self.flags & END_HEADERS == 0
    }
}
