//! Layers that mistreat the body of an answer.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tower_ready_testing::contract::{Inner, InnerError, ScriptedBody};
use tower_service::Service;

use crate::toy::{Ask, Boxed, rules_broken_by};

const READ: &str = "a body can be read to its end";
const FRAMES: &str = "every frame of a body passes, and its error";
const LENGTH: &str = "the length of a body is known outside";
const END: &str = "the end of a body is known outside";
const WOKEN: &str = "whoever polled a body last is woken";

/// A body with one defect.
struct Defective {
    inner: ScriptedBody,
    defect: Defect,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
enum Defect {
    None,
    SwallowsTrailers,
    SwallowsErrors,
    LosesEmptyFrames,
    LosesTheLength,
    LosesTheEnd,
    EndsTooEarly,
    KeepsTheFirstWaker,
    PanicsAtTrailers,
}

impl Body for Defective {
    type Data = Bytes;
    type Error = InnerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InnerError>>> {
        let mut waker = cx.waker().clone();
        if self.defect == Defect::KeepsTheFirstWaker {
            waker = self.waker.get_or_insert(waker).clone();
        }
        let mut cx = Context::from_waker(&waker);
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(&mut cx));
        Poll::Ready(match (self.defect, frame) {
            (Defect::SwallowsTrailers, Some(Ok(frame))) if frame.is_trailers() => None,
            (Defect::PanicsAtTrailers, Some(Ok(frame))) => {
                Some(Ok(Frame::data(frame.into_data().unwrap())))
            }
            (Defect::SwallowsErrors, Some(Err(_))) => None,
            (Defect::LosesEmptyFrames, Some(Ok(frame)))
                if frame.data_ref().is_some_and(Bytes::is_empty) =>
            {
                return self.poll_frame(&mut cx);
            }
            (_, frame) => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self.defect {
            Defect::LosesTheEnd => false,
            Defect::EndsTooEarly => self.inner.size_hint().exact() == Some(0),
            _ => self.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.defect {
            Defect::LosesTheLength => SizeHint::default(),
            _ => self.inner.size_hint(),
        }
    }
}

#[derive(Clone)]
struct Wraps(Inner, Defect);

impl Service<Ask> for Wraps {
    type Response = Response<Defective>;
    type Error = InnerError;
    type Future = Boxed<Result<Response<Defective>, InnerError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
        Service::<Ask>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Ask) -> Self::Future {
        let defect = self.1;
        let wrap = move |inner| Defective { inner, defect, waker: None };
        self.0.call(request).map(move |answer| Ok(answer?.map(wrap))).boxed()
    }
}

#[tokio::test]
async fn a_body_that_forwards_everything_is_right() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::None)).await, [""; 0]);
}

#[tokio::test]
async fn swallowed_trailers_are_found() {
    assert_eq!(
        rules_broken_by(|inner| Wraps(inner, Defect::SwallowsTrailers)).await,
        [FRAMES, LENGTH, END]
    );
}

#[tokio::test]
async fn swallowed_errors_are_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::SwallowsErrors)).await, [FRAMES]);
}

#[tokio::test]
async fn a_lost_frame_is_found() {
    let broken = rules_broken_by(|inner| Wraps(inner, Defect::LosesEmptyFrames)).await;
    assert_eq!(broken, [FRAMES, LENGTH, END]);
}

#[tokio::test]
async fn a_lost_length_is_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::LosesTheLength)).await, [LENGTH]);
}

#[tokio::test]
async fn a_lost_end_is_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::LosesTheEnd)).await, [END]);
}

/// Whoever believes such an end loses the trailers, and with them the status of a gRPC call.
#[tokio::test]
async fn an_end_before_the_trailers_is_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::EndsTooEarly)).await, [END]);
}

#[tokio::test]
async fn a_lost_waker_is_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::KeepsTheFirstWaker)).await, [WOKEN]);
}

#[tokio::test]
async fn a_body_that_panics_is_found() {
    assert_eq!(rules_broken_by(|inner| Wraps(inner, Defect::PanicsAtTrailers)).await, [READ]);
}
