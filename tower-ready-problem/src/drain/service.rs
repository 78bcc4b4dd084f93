use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, Version, header::EXPECT};
use http_body::Body;
use tower_ready_core::Protocol;
use tower_service::Service;

use super::{DrainBody, DrainFuture, layer::Policy};

/// The service of a [`DrainLayer`](super::DrainLayer).
#[derive(Clone, Debug)]
pub struct DrainService<S> {
    inner: S,
    policy: Policy,
}

impl<S> DrainService<S> {
    pub(super) const fn new(inner: S, policy: Policy) -> Self {
        Self { inner, policy }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, which must not be called past this one.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for DrainService<S>
where
    S: Service<Request<DrainBody<B>>, Response = Response<R>>,
    B: Body + Unpin,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = DrainFuture<S::Future, B, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.policy.enabled || !may_be_lost(&request) {
            return DrainFuture::pass(self.inner.call(request.map(DrainBody::stray)));
        }
        let invited = !expects_continue(request.headers());
        let (parts, body) = request.into_parts();
        let (body, home) = DrainBody::homing(body);
        let future = self.inner.call(Request::from_parts(parts, body));
        DrainFuture::watch(future, home, invited, self.policy)
    }
}

/// Whether an answer can be lost for what of this request is left unread.
fn may_be_lost<B: Body>(request: &Request<B>) -> bool {
    // Later versions end one stream without the connection.
    request.version() <= Version::HTTP_11
        && !request.body().is_end_stream()
        && matches!(Protocol::of(request), Protocol::Http | Protocol::Connect)
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
