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
