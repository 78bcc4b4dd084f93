use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_ready_core::{AnswerBody, RequestId, grpc::Code};

use crate::{
    Problem,
    future::Asked,
    panic::{self, Panicked},
    problems::BoxError,
    types,
};

pin_project! {
    /// The body of an answer: the inner service's, with its panics caught, or a problem.
    ///
    /// A panic ends a gRPC stream with the trailers of `INTERNAL`, and breaks off any other body,
    /// which then never looks whole.
    pub struct ProblemBody<B> {
        #[pin]
        inner: AnswerBody<B>,
        // None for a problem of ours, which cannot panic, and after a panic.
        asked: Option<Asked>,
        panicked: bool,
    }
}

impl<B> ProblemBody<B> {
    pub(crate) const fn inner(body: B, asked: Option<Asked>) -> Self {
        Self { inner: AnswerBody::inner(body), asked, panicked: false }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self { inner: AnswerBody::full(bytes), asked: None, panicked: false }
    }
}

impl<B> Body for ProblemBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if *this.panicked {
            return Poll::Ready(None);
        }
        let inner = this.inner;
        match panic::catch(|| inner.poll_frame(cx)) {
            Ok(polled) => Poll::Ready(ready!(polled).map(|frame| frame.map_err(Into::into))),
            Err(panicked) => {
                *this.panicked = true;
                Poll::Ready(Some(match this.asked.take() {
                    Some(asked) => end(&asked, panicked),
                    None => Err(panicked.into()),
                }))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.panicked || self.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        if self.panicked { SizeHint::with_exact(0) } else { self.inner.size_hint() }
    }
}

/// How a body ends that panicked.
#[cold]
fn end(asked: &Asked, panicked: Panicked) -> Result<Frame<Bytes>, BoxError> {
    let Asked { caller, problems } = asked;
    let problem = Problem::new(&types::INTERNAL).source(panicked);
    let request_id = caller.request_id().unwrap_or_else(RequestId::generate);
    let error_id = problems.report(&problem, caller, &request_id);
    if !caller.protocol().is_grpc() {
        return Err(BodyPanicked(()).into());
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", Code::Internal.header_value());
    trailers.insert("grpc-message", HeaderValue::from_static(types::INTERNAL.title()));
    if let Some(id) = error_id {
        trailers.insert(ERROR_ID, id.into_header_value());
    }
    Ok(Frame::trailers(trailers))
}

const ERROR_ID: HeaderName = HeaderName::from_static("x-error-id");

/// What a host hears of a body that panicked. The log has the rest.
#[derive(Debug)]
struct BodyPanicked(());

impl fmt::Display for BodyPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the answer panicked")
    }
}

impl Error for BodyPanicked {}

/// Layers of others ask for `Default` to answer with an empty body; they may be put outside ours.
impl<B> Default for ProblemBody<B> {
    fn default() -> Self {
        Self::full(Bytes::new())
    }
}

impl<B> fmt::Debug for ProblemBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProblemBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
