//! A client that speaks HTTP/1.1 by hand, and never repeats a request.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::child::PATIENCE;

pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
    }

    /// An answer with a length, as text with its head; or why there is none.
    pub(crate) fn answer(&mut self) -> Result<String, String> {
        let mut answer = Vec::new();
        let mut bytes = [0; 1024];
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                    return Ok(text);
                }
            }
            match self.0.read(&mut bytes) {
                Ok(0) => return Err(format!("closed after {text:?}")),
                Ok(n) => answer.extend_from_slice(&bytes[..n]),
                Err(error) => return Err(format!("{error} after {text:?}")),
            }
        }
    }

    /// Reads on until the server closes, and says whether it broke off.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        let mut bytes = [0; 64 * 1024];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return (all, false),
                Ok(n) => all.extend_from_slice(&bytes[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return (all, true),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The same for HTTP/2, where a library would decide for itself when a request is sent.
pub(crate) struct Http2 {
    wire: TcpStream,
    stream: u32,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// `GET / http`, all of them names and values that RFC 7541 appendix A has numbers for, and the
/// authority `a`.
const BLOCK: [u8; 6] = [0x82, 0x84, 0x86, 0x41, 1, b'a'];

/// `:status 200`.
const STATUS_200: u8 = 0x88;

impl Http2 {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut wire = Wire::connect(address);
        wire.send([PREFACE, &EMPTY_SETTINGS].concat());
        Self { wire: wire.0, stream: 1 }
    }

    /// Sends so many requests at once.
    pub(crate) fn get(&mut self, requests: usize) {
        let mut frames = Vec::new();
        for _ in 0..requests {
            // The stream ends with these headers, and these headers end here.
            frames.extend_from_slice(&[0, 0, BLOCK.len() as u8, HEADERS, 0x5]);
            frames.extend_from_slice(&self.stream.to_be_bytes());
            frames.extend_from_slice(&BLOCK);
            self.stream += 2;
        }
        self.wire.write_all(&frames).unwrap();
    }

    /// Reads until there are so many answers, and counts the good ones.
    pub(crate) fn answers(&mut self, requests: usize) -> Result<usize, String> {
        let (mut answers, mut good) = (0, 0);
        while answers < requests {
            let frame = self.frame().map_err(|error| format!("{error} after {answers}"))?;
            if frame[3] == HEADERS {
                answers += 1;
                good += usize::from(frame[9] == STATUS_200);
            } else if frame[3] == PING && frame[4] == 0 {
                let mut pong = frame;
                pong[4] = 1;
                self.wire.write_all(&pong).map_err(|error| error.to_string())?;
            }
        }
        Ok(good)
    }

    /// Reads until the server tells us to go, and returns the last call that it will answer.
    pub(crate) fn goaway(&mut self) -> Result<u32, String> {
        loop {
            let frame = self.frame().map_err(|error| error.to_string())?;
            if frame[3] == GOAWAY {
                return Ok(u32::from_be_bytes([frame[9], frame[10], frame[11], frame[12]]));
            }
            assert_ne!((frame[3], frame[4]), (PING, 0), "a ping before the end");
        }
    }

    fn frame(&mut self) -> std::io::Result<Vec<u8>> {
        let mut frame = vec![0; 9];
        self.wire.read_exact(&mut frame)?;
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        frame.resize(9 + length as usize, 0);
        self.wire.read_exact(&mut frame[9..])?;
        Ok(frame)
    }
}
