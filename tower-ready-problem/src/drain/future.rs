use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
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
    response: Response<R>,
    body: B,
    policy: Policy,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F, B, R> DrainFuture<F, B, R> {
    pub(super) const fn pass(future: F) -> Self {
        Self {
            state: State::Calling { future },
            watch: None,
        }
    }

    pub(super) const fn watch(future: F, home: Home<B>, invited: bool, policy: Policy) -> Self {
        let watch = Watch {
            home,
            invited,
            policy,
        };
        Self {
            state: State::Calling { future },
            watch: Some(watch),
        }
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
            let unfinished = this.watch.take().and_then(Watch::unfinished);
            match (result, unfinished) {
                (Ok(response), Some((body, policy))) if response.status() >= StatusCode::OK => {
                    let draining = Box::new(Draining {
                        response,
                        body,
                        policy,
                        timer: None,
                    });
                    this.state.set(State::Draining { draining });
                }
                (result, _) => return Poll::Ready(result),
            }
        }
        if let StateProj::Draining { draining } = this.state.as_mut().project() {
            ready!(draining.poll(cx));
        }
        match this.state.project_replace(State::Done) {
            _ => todo!(),
        }
    }
}
