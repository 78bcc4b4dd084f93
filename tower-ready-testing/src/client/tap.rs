//! What crosses the wire below a gRPC client, which itself shows less.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body, transport::Channel};
use tower_service::Service;

use crate::reply::Head;

/// A channel that notes what answers came over it.
#[derive(Clone, Debug)]
pub(super) struct TappedChannel(pub(super) Channel);

/// The notes on one call, which carries them among its extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Tap(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) head: Option<Head>,
    pub(super) body: BytesMut,
    pub(super) trailers: HeaderMap,
}

struct TappedBody {
    inner: Body,
    tap: Tap,
}

// === impl TappedChannel ===

impl Service<Request<Body>> for TappedChannel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let tap = request.extensions().get::<Tap>().expect("the client adds it").clone();
        let answer = self.0.call(request);
        Box::pin(async move {
            let (parts, inner) = answer.await?.into_parts();
            let head = Head { status: parts.status, headers: parts.headers.clone() };
            tap.notes().head = Some(head);
            Ok(Response::from_parts(parts, Body::new(TappedBody { inner, tap })))
        })
    }
}

// === impl Tap ===

impl Tap {
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().expect("never poisoned")
    }
}

// === impl TappedBody ===

impl http_body::Body for TappedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let mut notes = self.tap.notes();
            if let Some(data) = frame.data_ref() {
                notes.body.extend_from_slice(data);
            }
            if let Some(trailers) = frame.trailers_ref() {
                notes.trailers.extend(trailers.clone());
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for TappedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TappedBody").finish_non_exhaustive()
    }
}
