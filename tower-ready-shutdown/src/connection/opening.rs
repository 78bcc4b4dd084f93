//! Whether a connection of HTTP has carried the head of a request by now. Pure.

use super::frame::{Frame, HEADERS};

/// What a client has sent since it came, as far as it matters until a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The first bytes, so many of which are those of HTTP/2.
    Start(u8),
    /// The head of a request of HTTP/1. Whether its present line is empty so far.
    Head { empty: bool },
    /// HTTP/2, before its first request.
    Http2(Frame),
    /// A request has begun, or what is spoken is not to be understood.
    Over,
}

/// RFC 9113 §3.4: what a client of HTTP/2 sends first, and no request of HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Opening {
    pub(super) const fn new() -> Self {
        Self::Start(0)
    }

    pub(super) const fn is_http2(self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub(super) fn is_over(self) -> bool {
        self == Self::Over
    }

    /// Reads on.
    pub(super) fn read(mut self, mut bytes: &[u8]) -> Self {
        while let Some((&byte, rest)) = bytes.split_first() {
            let all = bytes;
            bytes = rest;
            self = match self {
                Self::Start(matched) => Self::start(matched, byte),
                Self::Head { empty } => Self::line(empty, byte),
                Self::Http2(frame) => return Self::frames(frame, all),
                Self::Over => return self,
            };
        }
        self
    }

    fn frames(mut frame: Frame, mut bytes: &[u8]) -> Self {
        while !bytes.is_empty() {
            bytes = &bytes[frame.step(bytes)..];
            if frame.kind() == Some(HEADERS) {
                return Self::Over;
            }
        }
        Self::Http2(frame)
    }

    fn start(matched: u8, byte: u8) -> Self {
        if byte == PREFACE[usize::from(matched)] {
            return match usize::from(matched) + 1 == PREFACE.len() {
                true => Self::Http2(Frame::default()),
                false => Self::Start(matched + 1),
            };
        }
        match matched {
            // Nothing but letters begins a method that anybody uses; a handshake of TLS, for one,
            // does not.
            0 if !byte.is_ascii_alphabetic() => Self::Over,
            0..AFTER_LINE => Self::line(false, byte),
            AFTER_LINE..AFTER_EMPTY_LINE => Self::line(true, byte),
            _ => Self::Over,
        }
    }

    /// RFC 9112 §2.1: a head ends with an empty line. §2.2: of which the CR may be missing.
    fn line(empty: bool, byte: u8) -> Self {
        match byte {
            b'\n' if empty => Self::Over,
            b'\n' => Self::Head { empty: true },
            b'\r' => Self::Head { empty },
            _ => Self::Head { empty: false },
        }
    }
}

/// How much of the preface is its first line, and how much there is with the empty one after it.
const AFTER_LINE: u8 = 16;
const AFTER_EMPTY_LINE: u8 = 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connection::frame::{HEAD, TYPE};

    fn after(bytes: &[u8]) -> Opening {
        Opening::new().read(bytes)
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
    }

    #[test]
    fn a_head_is_over_with_its_empty_line() {
        let head = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";
        for length in 1..head.len() {
            assert!(!after(&head[..length]).is_over(), "{length}");
        }
        assert!(after(head).is_over());
        assert!(after(b"GET / HTTP/1.1\n\n").is_over());
        assert!(!after(b"GET / HTTP/1.1\r\n").is_over());
    }

    #[test]
    fn what_is_no_http_is_not_waited_for() {
        for first in [0x16, b'\r', b'\n', b' ', 0, 0xff] {
            assert!(after(&[first]).is_over());
        }
    }

    #[test]
    fn a_method_may_begin_as_http2_does() {
        assert!(!after(b"PRINT / HTTP/1.1\r\nhost: test\r\n").is_over());
        assert!(after(b"PRINT / HTTP/1.1\r\n\r\n").is_over());
        assert!(!after(b"PRI * HTTP/2.0\n").is_over());
        assert!(after(b"PRI * HTTP/2.0\r\n\r\nSX").is_over());
        assert!(after(b"PRI * HTTP/2.0\r\n\n").is_over());
    }

    #[test]
    fn http2_begins_with_its_first_headers() {
        let settings = frame(4, &[0; 12]);
        let opening = [PREFACE, &settings, &frame(8, &[0; 4]), &frame(4, &[])].concat();
        for length in PREFACE.len()..=opening.len() {
            assert!(after(&opening[..length]).is_http2(), "{length}");
        }
        assert!(after(&[&opening[..], &frame(1, b"x")].concat()).is_over());
    }

    /// The same, as one would write it if all bytes came at once.
    fn reference(bytes: &[u8]) -> bool {
        if let Some(mut frames) = bytes.strip_prefix(PREFACE) {
            while frames.len() > usize::from(TYPE) {
                if frames[usize::from(TYPE)] == HEADERS {
                    return true;
                }
                let length = u32::from_be_bytes([0, frames[0], frames[1], frames[2]]) as usize;
                frames = frames.get(usize::from(HEAD) + length..).unwrap_or_default();
            }
            return false;
        }
        let is_letter = bytes.first().is_none_or(u8::is_ascii_alphabetic);
        let is_preface = PREFACE.starts_with(bytes);
        let lines = bytes.split(|byte| *byte == b'\n');
        let complete = lines.clone().count() - 1;
        let is_empty = |line: &[u8]| line.iter().all(|byte| *byte == b'\r');
        !is_letter || !is_preface && lines.take(complete).any(is_empty)
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let payload = prop::collection::vec(any::<u8>(), 0..40);
        let frames = prop::collection::vec((0..10_u8, payload), 0..5).prop_map(|frames| {
            let frames = frames.iter().flat_map(|(kind, payload)| frame(*kind, payload));
            PREFACE.iter().copied().chain(frames).collect::<Vec<_>>()
        });
        prop_oneof![
            "[A-Z \r\n]{0,40}".prop_map(String::into_bytes),
            any::<Vec<u8>>(),
            frames,
            (0..PREFACE.len(), any::<Vec<u8>>())
                .prop_map(|(cut, rest)| [&PREFACE[..cut], &rest].concat())
        ]
    }

    proptest! {
        /// However the bytes are cut, it is as if they came at once.
        #[test]
        fn it_does_not_matter_how_bytes_are_cut(bytes in hostile(), cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let mut opening = Opening::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                opening = opening.read(now);
                rest = later;
            }
            prop_assert_eq!(opening.read(rest).is_over(), reference(&bytes));
            prop_assert_eq!(after(&bytes).is_over(), reference(&bytes));
        }
    }
}
