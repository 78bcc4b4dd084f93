//! The status of a gRPC-Web call: its trailers are the last message of the body.
//!
//! Section names are those of gRPC's `PROTOCOL-WEB.md`.

use std::mem;

use http::HeaderValue;
use tower_ready_core::{Protocol, grpc::Code};

/// Reads what passes, and keeps nothing of it but the trailers.
#[derive(Debug)]
pub(crate) struct WebStatus {
    text: Option<Base64>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Of the five bytes before a message there are so many.
    Prefix([u8; 5], usize),
    /// Of a message so many are still to come.
    Message(u32),
    Trailers(u32, Vec<u8>),
    /// It has said this.
    Said(Code),
    /// This is not what it was announced to be.
    Lost,
}

/// What trailers there is room for: as much as HTTP/2 hosts take by default.
const MAX_TRAILERS: usize = 16 * 1024;

/// "The most significant bit of the frame's first byte": these are trailers, and compressed ones.
const TRAILERS: u8 = 0x80;
const COMPRESSED: u8 = 0x01;

impl WebStatus {
    /// Of a call in this protocol, if it is gRPC-Web.
    pub(crate) fn of(protocol: Protocol) -> Option<Self> {
        let text = match protocol {
            Protocol::GrpcWeb(_) => None,
            Protocol::GrpcWebText(_) => Some(Base64::default()),
            _ => return None,
        };
        Some(Self { text, state: State::Prefix([0; 5], 0) })
    }

    /// These bytes of the body have passed.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        match &mut self.text {
            None => self.state.read(bytes),
            Some(text) => {
                for byte in bytes {
                    match text.push(*byte) {
                        Ok(decoded) => {
                            self.state.read(decoded.as_ref().map_or(&[], Decoded::bytes));
                        }
                        Err(Invalid) => self.state = State::Lost,
                    }
                }
            }
        }
    }

    /// The code of a call whose body is over: one that has said none is cut short. Nothing is known of
    /// a body that could not be read.
    pub(crate) const fn code(&self) -> Option<Code> {
        match self.state {
            State::Said(code) => Some(code),
            State::Lost => None,
            State::Prefix(..) | State::Message(_) | State::Trailers(..) => Some(Code::Unknown),
        }
    }
}

impl State {
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            match self {
                Self::Prefix(prefix, len) => {
                    prefix[*len] = *first;
                    *len += 1;
                    bytes = rest;
                    if *len == prefix.len() {
                        *self = Self::after(*prefix);
                    }
                }
                Self::Message(left) => {
                    let passes = bytes.len().min(*left as usize);
                    *left -= passes as u32;
                    bytes = &bytes[passes..];
                    if *left == 0 {
                        *self = Self::Prefix([0; 5], 0);
                    }
                }
                Self::Trailers(left, block) => {
                    let passes = bytes.len().min(*left as usize);
                    block.extend_from_slice(&bytes[..passes]);
                    *left -= passes as u32;
                    bytes = &bytes[passes..];
                    if *left == 0 {
                        *self = Self::Said(code_in(&mem::take(block)));
                    }
                }
                Self::Said(_) | Self::Lost => return,
            }
        }
    }

    fn after([flags, len @ ..]: [u8; 5]) -> Self {
        match (flags, u32::from_be_bytes(len)) {
            (TRAILERS, 0) => Self::Said(Code::Unknown),
            (TRAILERS, len) if len as usize <= MAX_TRAILERS => Self::Trailers(len, Vec::new()),
            (flags, _) if flags & TRAILERS != 0 || flags & !COMPRESSED != 0 => Self::Lost,
            (_, 0) => Self::Prefix([0; 5], 0),
            (_, len) => Self::Message(len),
        }
    }
}

/// "HTTP/1 headers block without the terminating newline", the names in lower case.
fn code_in(block: &[u8]) -> Code {
    let mut lines = block.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        name.eq_ignore_ascii_case(b"grpc-status").then(|| value.trim_ascii())
    });
    let value = value.and_then(|value| HeaderValue::from_bytes(value).ok());
    value.as_ref().and_then(Code::from_header).unwrap_or(Code::Unknown)
}

/// Base64 that comes in pieces, each of which may be padded: "the client must handle this".
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    digits: u8,
    padding: u8,
}

#[derive(Debug)]
struct Invalid;

/// Up to three bytes.
#[derive(Debug)]
struct Decoded([u8; 4], usize);

impl Decoded {
    fn bytes(&self) -> &[u8] {
        &self.0[1..self.1]
    }
}

impl Base64 {
    /// Every fourth digit makes bytes.
    fn push(&mut self, digit: u8) -> Result<Option<Decoded>, Invalid> {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if self.digits >= 2 => {
                self.padding += 1;
                0
            }
            _ => return Err(Invalid),
        };
        if self.padding > 0 && digit != b'=' {
            return Err(Invalid);
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.digits += 1;
        if self.digits < 4 {
            return Ok(None);
        }
        let Self { bits, padding, .. } = mem::take(self);
        Ok(Some(Decoded(bits.to_be_bytes(), 4 - usize::from(padding))))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;
    use tower_ready_core::Codec;

    use super::*;

    fn message(flags: u8, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[flags], &len[..], payload].concat()
    }

    fn of(protocol: Protocol, pieces: &[&[u8]]) -> Option<Code> {
        let mut status = WebStatus::of(protocol).unwrap();
        pieces.iter().for_each(|piece| status.read(piece));
        status.code()
    }

    fn binary(body: &[u8]) -> Option<Code> {
        of(Protocol::GrpcWeb(Codec::Proto), &[body])
    }

    #[test]
    fn the_code_is_in_the_last_message() {
        let end = message(0x80, b"grpc-status:5\r\ngrpc-message:gone\r\n");
        let body = [message(0, b"hello"), message(1, b"zipped"), message(0, b""), end].concat();
        assert_eq!(binary(&body), Some(Code::NotFound));
        assert_eq!(binary(&message(0x80, b"Grpc-Status: 0\r\n")), Some(Code::Ok));
    }

    #[test]
    fn a_body_without_it_was_cut_short() {
        let end = message(0x80, b"grpc-status:0\r\n");
        for body in [&b""[..], &message(0, b"hello"), &end[..end.len() - 1]] {
            assert_eq!(binary(body), Some(Code::Unknown), "{body:?}");
        }
        for odd in [&b""[..], b"grpc-message:x\r\n", b"grpc-status:seven\r\n", b"grpc-status"] {
            assert_eq!(binary(&message(0x80, odd)), Some(Code::Unknown), "{odd:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_cannot_be_read() {
        assert_eq!(binary(&message(0x81, b"grpc-status:0\r\n")), None, "compressed trailers");
        assert_eq!(binary(b"<html>no messages at all"), None);
        assert_eq!(
            binary(&[0x80, 0xff, 0xff, 0xff, 0xff, b'g']),
            None,
            "more than there is room for"
        );
        assert_eq!(of(Protocol::GrpcWebText(Codec::Proto), &[b"AA*A"]), None);
        assert!(WebStatus::of(Protocol::Grpc(Codec::Proto)).is_none());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_a_body_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
            code in 0_u16..17,
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            is_text: bool,
        ) {
            let end = message(0x80, format!("grpc-status:{code}\r\n").as_bytes());
            let mut parts: Vec<_> = messages.iter().map(|payload| message(0, payload)).collect();
            parts.push(end);
            let (protocol, body) = if is_text {
                // Each message by itself, with padding of its own.
                let text = parts.iter().map(|part| STANDARD.encode(part)).collect::<String>();
                (Protocol::GrpcWebText(Codec::Proto), text.into_bytes())
            } else {
                (Protocol::GrpcWeb(Codec::Proto), parts.concat())
            };
            let mut cuts: Vec<_> = at.iter().map(|at| at.index(body.len())).collect();
            cuts.sort_unstable();
            cuts.push(body.len());
            let mut start = 0;
            let pieces: Vec<_> = cuts
                .iter()
                .map(|cut| &body[mem::replace(&mut start, *cut)..*cut])
                .collect();
            let expected = Code::from_header(&HeaderValue::from(code));
            prop_assert_eq!(of(protocol, &pieces), expected);
        }

        #[test]
        fn any_bytes_are_read_without_harm(body: Vec<u8>, is_text: bool) {
            let codec = Codec::Proto;
            let web = if is_text { Protocol::GrpcWebText(codec) } else { Protocol::GrpcWeb(codec) };
            of(web, &[&body]);
        }
    }
}
