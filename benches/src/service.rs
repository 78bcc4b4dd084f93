use std::{
    convert::Infallible,
    future::{self, Ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use crate::Repeat;

/// A service that does nothing: an empty head and two bytes, at once.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to nothing")]
pub struct NoOp;

impl<B> Service<Request<B>> for NoOp {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(&request);
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        future::ready(Ok(black_box(response)))
    }
}

/// Calls a service with clones of a request, and takes each answer to its end as a host does.
///
/// Nobody waits here, so the service must not either.
pub fn call<S, B>(request: &Request<()>, mut service: S) -> Repeat
where
    S: Service<Request<()>, Response = Response<B>> + 'static,
    B: Body,
{
    let request = request.clone();
    Repeat::of(move || {
        let context = &mut Context::from_waker(Waker::noop());
        let is_ready = matches!(service.poll_ready(context), Poll::Ready(Ok(())));
        assert!(is_ready, "the service is not ready");
        let future = pin!(service.call(black_box(request.clone())));
        let Poll::Ready(Ok(response)) = future.poll(context) else {
            panic!("the service has no answer");
        };
        let (parts, body) = response.into_parts();
        black_box(&parts);
        read(body, context);
    })
}

/// Reads a body to its end, which hosts do not ask for where the body knows it.
fn read<B: Body>(body: B, context: &mut Context<'_>) {
    let mut body = pin!(body);
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(context) {
            Poll::Ready(Some(frame)) => drop(black_box(frame)),
            Poll::Ready(None) => break,
            Poll::Pending => panic!("the body waits"),
        }
    }
}
