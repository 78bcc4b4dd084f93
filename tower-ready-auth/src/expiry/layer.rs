use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Expiry, ExpiryBody, ExpiryFuture};
use crate::Principal;

/// Ends the answers that are streams when the credentials of their caller do.
///
/// An answer is a stream by its content type: `text/event-stream`, whose clients come again and are
/// asked anew who they are, or `application/grpc`, which ends with `UNAUTHENTICATED`. Others are left
/// alone: a file that ends early would look whole.
#[derive(Clone, Debug)]
#[must_use = "a layer ends nothing until it is applied"]
pub struct ExpiryLayer {
    expiry: Expiry,
}

/// A service whose streams end in time.
#[derive(Clone, Debug)]
pub struct ExpiryService<S> {
    inner: S,
    expiry: Expiry,
}

impl ExpiryLayer {
    pub(super) const fn new(expiry: Expiry) -> Self {
        Self { expiry }
    }
}

impl<S> Layer<S> for ExpiryLayer {
    type Service = ExpiryService<S>;

    fn layer(&self, inner: S) -> ExpiryService<S> {
        ExpiryService { inner, expiry: self.expiry.clone() }
    }
}

impl<S> ExpiryService<S> {
    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, which must not be called past this one.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for ExpiryService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ExpiryBody<R>>;
    type Error = S::Error;
    type Future = ExpiryFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let principal = Principal::of(request.extensions()).cloned();
        let watched = principal.map(|principal| (self.expiry.clone(), principal));
        ExpiryFuture::new(self.inner.call(request), watched)
    }
}
