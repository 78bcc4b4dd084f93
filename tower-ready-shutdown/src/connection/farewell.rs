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

use super::{Connection, frame::Frame};

/// A connection whose client can be told to open no more calls.
pub(crate) struct Farewell<I> {
    io: I,
    connection: Arc<Connection>,
    written: Frame,
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

impl<I> Farewell<I> {
    /// With `says`, it is said here. There may be another around or inside of TLS.
    pub(crate) fn new(io: I, connection: Arc<Connection>, says: bool) -> Self {
        let said = if says { Said::Nothing } else { Said::All };
        Self { io, connection, written: Frame::default(), said }
    }

    pub(super) const fn get_ref(&self) -> &I {
        &self.io
    }

    pub(super) const fn get_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// Whether a frame may come now: the settings of the server have been before any other (RFC 9113
    /// §3.4), and it is between two.
    const fn is_between(&self) -> bool {
        let written = self.written;
        written.is_over() && written.kind().is_some() && !written.is_to_be_continued()
    }

    /// Has taken these bytes, which matter until it is said.
    fn wrote(&mut self, mut bytes: &[u8]) {
        if self.said == Said::All {
            return;
        }
        while !bytes.is_empty() {
            bytes = &bytes[self.written.step(bytes)..];
        }
    }

    /// Whether it is to be said and is not yet.
    fn is_due(&self) -> bool {
        self.said != Said::All && self.connection.is_to_go()
    }
}

impl<I: AsyncWrite + Unpin> Farewell<I> {
    /// Says it, if it is due and a frame may come now.
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_due() || !self.is_between() {
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
        let most = if self.is_due() { { self.written }.step(buf) } else { buf.len() };
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, &buf[..most]))?;
        self.wrote(&buf[..written]);
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
            self.wrote(&buf[..part]);
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
    use crate::connection::{
        Known,
        frame::{CONTINUATION, END_HEADERS, FLAGS, HEAD, HEADERS, TYPE},
    };

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

    /// Data, or headers in so many frames.
    fn message(parts: usize, payload: &[u8]) -> Vec<Vec<u8>> {
        let frame =
            |kind, flags| [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, 1], payload].concat();
        let headers = |part| {
            let kind = if part == 1 { HEADERS } else { CONTINUATION };
            frame(kind, if part == parts { END_HEADERS } else { 0 })
        };
        if parts == 0 { vec![frame(0, 0)] } else { (1..=parts).map(headers).collect() }
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
            payloads in prop::collection::vec(
                (0_usize..4, prop::collection::vec(any::<u8>(), 0..40)), 1..12
            ),
            chunks in prop::collection::vec(1_usize..60, 0..40),
            steps in prop::collection::vec(0_usize..25, 0..80),
            due in 0_usize..40,
            vectored in any::<bool>(),
        ) {
            let written: Vec<_> =
                payloads.iter().flat_map(|(parts, payload)| message(*parts, payload)).collect();
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
            prop_assert!(said.is_some_and(|said| said > 0), "{:?}", said);
            let said = said.unwrap();
            let before = &seen[said - 1];
            let is_open = before[usize::from(TYPE)] != 0 && before[usize::from(FLAGS)] == 0;
            prop_assert!(!is_open, "amid headers");
            seen.remove(said);
            prop_assert_eq!(seen, written);
        }
    }
}
