use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::{
    body::{Home, Unfinished},
    layer::Policy,
};

pin_project! {
    /// The future of a [`DrainService`](super::DrainService).
    #[must_use = "futures do nothing unless polled"]
    pub struct DrainFuture<F, B, R> {
        #[pin]
        state: State<F, B, R>,
        watch: Option<Watch<B>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, R> {
        Calling { #[pin] future: F },
        // Boxed, since few answers are early, and else every call would carry the room for it.
        Draining { draining: Box<Draining<B, R>> },
        Done,
    }
}

struct Watch<B> {
    home: Home<B>,
    /// Whether the client sends its body unasked.
    invited: bool,
    policy: Policy,
}

/// An answer that waits for the rest of its request.
struct Draining<B, R> {
    response: Option<Response<R>>,
    body: B,
    left: u64,
    time: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F, B, R> DrainFuture<F, B, R> {
    pub(super) const fn pass(future: F) -> Self {
        Self { state: State::Calling { future }, watch: None }
    }

    pub(super) const fn watch(future: F, home: Home<B>, invited: bool, policy: Policy) -> Self {
        let watch = Watch { home, invited, policy };
        Self { state: State::Calling { future }, watch: Some(watch) }
    }
}

impl<F, B, R, E> Future for DrainFuture<F, B, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    B: Body + Unpin,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StateProj::Calling { future } = this.state.as_mut().project() {
            let result = ready!(future.poll(cx));
            // What the future itself still holds of the request goes home now.
            this.state.set(State::Done);
            match (result, this.watch.take().and_then(Watch::unfinished)) {
                (Ok(response), Some((body, policy))) if is_final(&response) => {
                    let draining = Box::new(Draining::new(response, body, policy));
                    this.state.set(State::Draining { draining });
                }
                (result, _) => return Poll::Ready(result),
            }
        }
        let response = match this.state.as_mut().project() {
            StateProj::Draining { draining } => {
                ready!(draining.poll(cx));
                draining.response.take()
            }
            StateProj::Calling { .. } | StateProj::Done => None,
        };
        #[expect(clippy::expect_used, reason = "the contract of `Future`")]
        let response = response.expect("`DrainFuture` polled after completion");
        Poll::Ready(Ok(response))
    }
}

/// An answer of a class below is a protocol upgrade, and the rest of the connection is no body.
fn is_final<R>(response: &Response<R>) -> bool {
    response.status() >= StatusCode::OK
}

impl<B: Body> Watch<B> {
    /// What is left to read, if reading it can help.
    fn unfinished(self) -> Option<(B, Policy)> {
        let Unfinished { body, polled } = self.home.take()?;
        let unasked = polled || self.invited;
        let in_reach = body.size_hint().lower() <= self.policy.bytes;
        (unasked && in_reach && !body.is_end_stream()).then_some((body, self.policy))
    }
}

impl<B: Body + Unpin, R> Draining<B, R> {
    fn new(response: Response<R>, body: B, policy: Policy) -> Self {
        Self { response: Some(response), body, left: policy.bytes, time: policy.time, timer: None }
    }

    /// Reads to the end, the bound, or the hour. An upload that breaks off is over, too.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                let time = self.time;
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time)));
                return timer.as_mut().poll(cx);
            };
            let Some(Ok(frame)) = frame else { break };
            let read = frame.data_ref().map_or(0, Buf::remaining);
            // An empty frame counts as well, else a body of nothing else would never let go.
            self.left = self.left.saturating_sub(read.max(1) as u64);
            if self.body.is_end_stream() {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl<F, B, R> fmt::Debug for DrainFuture<F, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Calling { .. } => "DrainFuture::Calling(..)",
            State::Draining { .. } => "DrainFuture::Draining(..)",
            State::Done => "DrainFuture::Done",
        })
    }
}
