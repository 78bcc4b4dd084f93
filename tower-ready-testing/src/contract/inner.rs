//! The service under the layer, which notices how it is treated.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Request, Response, StatusCode, request::Parts};
use http_body::Body;

use tower_service::Service;

use super::{
    body::{Copied, ScriptedBody},
    control::{Answer, Control, Counted},
    failure::{Failure, InnerError},
};

/// A header and an extension that every answer has.
pub(super) const MARK: &str = "x-inner";

/// The extension of every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark;

/// The inner service of the contract.
///
/// Each instance has a readiness of its own: a clone is not ready, and a call uses it up.
#[derive(Debug)]
pub struct Inner {
    control: Control,
    reserved: Option<Counted>,
}

/// The call of an [`Inner`].
pub struct InnerFuture<B> {
    control: Control,
    pauses: usize,
    request: Option<Parts>,
    body: Pin<Box<B>>,
    frames: Vec<Copied>,
    _reserved: Option<Counted>,
    _running: Counted,
}

// === impl Inner ===

impl Inner {
    pub(super) fn new(control: &Control) -> Self {
        Self { control: control.clone(), reserved: None }
    }
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self::new(&self.control)
    }
}

impl<B> Service<Request<B>> for Inner
where
    B: Body<Data: Buf, Error: Failure>,
{
    type Response = Response<ScriptedBody>;
    type Error = InnerError;
    type Future = InnerFuture<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
        ready!(self.control.poll_ready(cx)).map_err(InnerError::new)?;
        if self.reserved.is_none() {
            self.reserved = Some(self.control.count(|state| &mut state.reserved));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> InnerFuture<B> {
        let reserved = self.reserved.take();
        let pauses = self.control.with(|state| {
            state.calls += 1;
            // Noted rather than panicked about: a layer may catch panics.
            state.unready_calls += usize::from(reserved.is_none());
            state.pauses
        });
        let (parts, body) = request.into_parts();
        InnerFuture {
            pauses,
            request: Some(parts),
            body: Box::pin(body),
            frames: Vec::new(),
            _reserved: reserved,
            _running: self.control.count(|state| &mut state.running),
            control: self.control.clone(),
        }
    }
}

// === impl InnerFuture ===

impl<B> Future for InnerFuture<B>
where
    B: Body<Error: Failure>,
{
    type Output = Result<Response<ScriptedBody>, InnerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) {
            self.frames.push(Copied::of(frame));
        }
        if self.pauses > 0 {
            self.pauses -= 1;
            self.control.pause(cx);
            return Poll::Pending;
        }
        let request = self.request.take().expect("polled after it was done");
        let frames = std::mem::take(&mut self.frames);
        let answer = self.control.with(|state| {
            state.request = Some((request, frames));
            state.answer.clone()
        });
        Poll::Ready(match answer {
            Answer::Response(steps) => {
                let mut response =
                    Response::new(ScriptedBody::new(&self.control, &steps).counted());
                *response.status_mut() = StatusCode::NON_AUTHORITATIVE_INFORMATION;
                response.headers_mut().insert(MARK, MARK.parse().expect("a header value"));
                response.extensions_mut().insert(Mark);
                Ok(response)
            }
            Answer::Error(number) => Err(InnerError::new(number)),
            Answer::Panic => panic!("the inner service panics"),
        })
    }
}

impl<B> fmt::Debug for InnerFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InnerFuture").field("pauses", &self.pauses).finish_non_exhaustive()
    }
}
