//! The first of the two goodbyes of HTTP/2, without the second.
//!
//! hyper sends both within a round trip (RFC 9113 §6.8). A client that is about to send a call when
//! it reads the first may answer the ping before it sends the call, and then the second refuses it.
//! Here seconds are between them: the first is ours, and hyper has its own when nobody is left.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connection;

/// A connection whose client can be told to open no more calls.
pub(crate) struct Farewell<I> {
    io: I,
    connection: Arc<Connection>,
    frames: Frames,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// So many bytes of it.
    Part(usize),
    All,
}

/// A GOAWAY of stream 0, with eight bytes: the last stream is any, and it is for no error.
const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// How far the frame has come that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Frames {
    /// How much of its head.
    head: u8,
    /// How long its payload is, or what is left of that.
    left: u32,
}

/// RFC 9113 §4.1: a length of three bytes, and six more.
const LENGTH: u8 = 3;
const HEAD: u8 = 9;

impl Frames {
    fn is_between(self) -> bool {
        self == Self::default()
    }

    /// Goes on to the end of the present frame, if that is within these bytes. How many it took.
    fn step(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.head < HEAD {
            let Some(&byte) = bytes.get(taken) else { return taken };
            if self.head < LENGTH {
                self.left = self.left << 8 | u32::from(byte);
            }
            self.head += 1;
            taken += 1;
        }
        let payload = (bytes.len() - taken).min(self.left as usize);
        self.left -= payload as u32;
        if self.left == 0 {
            *self = Self::default();
        }
        taken + payload
    }

    fn all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.step(bytes)..];
        }
    }
}

impl<I> Farewell<I> {
    /// With `says`, it is said here. There may be another around or inside of TLS.
    pub(crate) fn new(io: I, connection: Arc<Connection>, says: bool) -> Self {
        let said = if says { Said::Nothing } else { Said::All };
        Self { io, connection, frames: Frames::default(), said }
    }

    pub(super) const fn get_ref(&self) -> &I {
        &self.io
    }

    pub(super) const fn get_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// Whether it is to be said and is not yet.
    fn is_due(&self) -> bool {
        self.said != Said::All && self.connection.is_to_go()
    }
}

impl<I: AsyncWrite + Unpin> Farewell<I> {
    /// Says it, if it is due and no frame is half written.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_due() || !self.frames.is_between() {
            return Poll::Ready(Ok(()));
        }
        let mut said = if let Said::Part(said) = self.said { said } else { 0 };
        while said < GOAWAY.len() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &GOAWAY[said..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            said += written;
            self.said = Said::Part(said);
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.said = Said::All;
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Farewell<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever waits to read is woken to say it; a client that takes nothing now is still read.
        if let Poll::Ready(said) = self.poll_say(cx) {
            said?;
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Farewell<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx))?;
        // No further than to the end of a frame, where it can be said.
        let most = if self.is_due() { { self.frames }.step(buf) } else { buf.len() };
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, &buf[..most]))?;
        self.frames.all(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_due() {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.poll_write(cx, first.map_or(&[], |buf| &**buf));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            let part = left.min(buf.len());
            self.frames.all(&buf[..part]);
            left -= part;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_say(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not half of it.
        if matches!(self.said, Said::Part(_)) {
            ready!(self.poll_say(cx))?;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;
    use crate::connection::Known;

    /// Takes as much at a time as it is told, or nothing for now, and keeps it.
    struct Taker {
        steps: Vec<usize>,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Taker {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let most = self.steps.pop().unwrap_or(usize::MAX).min(buf.len());
            if most == 0 && !buf.is_empty() {
                return Poll::Pending;
            }
            self.taken.extend_from_slice(&buf[..most]);
            Poll::Ready(Ok(most))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut rest, mut frames) = (bytes, Vec::new());
        while !rest.is_empty() {
            let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
            let (frame, later) = rest.split_at(usize::from(HEAD) + length);
            frames.push(frame.to_vec());
            rest = later;
        }
        frames
    }

    proptest! {
        /// Whenever it is due and however writes are cut, it is said once, between two frames, and
        /// those are as they were.
        #[test]
        fn it_is_said_once_and_between_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12),
            chunks in prop::collection::vec(1_usize..60, 0..40),
            steps in prop::collection::vec(0_usize..25, 0..80),
            due in 0_usize..40,
            vectored in any::<bool>(),
        ) {
            let written: Vec<Vec<u8>> = payloads
                .iter()
                .map(|payload| [&[0, 0, payload.len() as u8, 0, 1, 0, 0, 0, 1], &payload[..]].concat())
                .collect();
            let bytes = written.concat();
            let connection = Connection::new(None, Known::Nothing);
            let taker = Taker { steps, taken: Vec::new() };
            let mut farewell = Farewell::new(taker, Arc::clone(&connection), true);
            let mut cx = Context::from_waker(Waker::noop());
            let (mut at, mut turn) = (0, 0);
            while at < bytes.len() {
                if turn == due {
                    connection.tell_to_go();
                }
                let chunk = chunks.get(turn).copied().unwrap_or(usize::MAX).min(bytes.len() - at);
                let chunk = &bytes[at..at + chunk];
                turn += 1;
                let mut farewell = Pin::new(&mut farewell);
                let polled = if vectored {
                    let (one, two) = chunk.split_at(chunk.len() / 2);
                    farewell.as_mut().poll_write_vectored(&mut cx, &[IoSlice::new(one), IoSlice::new(two)])
                } else {
                    farewell.as_mut().poll_write(&mut cx, chunk)
                };
                if let Poll::Ready(written) = polled {
                    at += written.unwrap();
                }
            }
            connection.tell_to_go();
            while Pin::new(&mut farewell).poll_flush(&mut cx).is_pending() {}
            prop_assert!(Pin::new(&mut farewell).poll_shutdown(&mut cx).is_ready());
            let mut seen = frames(&farewell.io.taken);
            let said = seen.iter().position(|frame| *frame == GOAWAY);
            prop_assert!(said.is_some());
            seen.remove(said.unwrap());
            prop_assert_eq!(seen, written);
        }
    }
}
