//! What a layer may ask of the types it is generic over: nothing.
//!
//! Nothing here runs. A layer that asks for more than it needs does not compile with
//! [`check`]: it would not compile on some host either, or not over some other layer.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    future::Ready,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tower_layer::Layer;
use tower_service::Service;

/// Proves that a layer asks nothing of the service, the bodies and the errors below it: they may
/// borrow, stay on their thread, and lack `Debug`, `Default`, `From<Bytes>` and `std::error::Error`.
///
/// Layers that turn errors into answers have to look into them and cannot pass; for them there is
/// [`check_auto_traits`].
pub fn check<'a, L, B>(layer: &L)
where
    L: Layer<Bare<'a>> + Layer<SendOnly>,
    <L as Layer<Bare<'a>>>::Service:
        Service<Request<BareBody<'a>>, Response = Response<B>, Error = BareError<'a>>,
    B: Body<Data = Bytes, Error = BareError<'a>>,
    <L as Layer<SendOnly>>::Service: Service<Request<SendOnlyBody>, Future: Send> + Send,
{
    check_auto_traits(layer);
}

/// Proves that service and future are `Send` over an inner service that is `Send` but not `Sync`.
pub fn check_auto_traits<L>(_: &L)
where
    L: Layer<SendOnly>,
    L::Service: Service<Request<SendOnlyBody>, Future: Send> + Send,
{
}

/// A service with no traits beyond `Clone` and [`Service`].
#[derive(Clone)]
pub struct Bare<'a>(Thread<'a>);

/// A body with no traits beyond [`Body`].
#[expect(missing_debug_implementations, reason = "its lack is what it tests")]
pub struct BareBody<'a>(Thread<'a>);

/// An error with no traits at all.
#[expect(missing_debug_implementations, reason = "its lack is what it tests")]
pub struct BareError<'a>(Thread<'a>);

/// Neither `Send` nor `Sync` nor `'static`.
type Thread<'a> = PhantomData<*const &'a ()>;

/// A service that is `Send` but not `Sync`.
#[derive(Clone, Debug)]
pub struct SendOnly(Cell<()>);

/// A body that is `Send` but not `Sync`.
#[derive(Debug)]
pub struct SendOnlyBody(Cell<()>);

// === impl Bare ===

impl<'a, B> Service<Request<B>> for Bare<'a> {
    type Response = Response<BareBody<'a>>;
    type Error = BareError<'a>;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Err(BareError(self.0)))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::new(BareBody(self.0))))
    }
}

impl<'a> Body for BareBody<'a> {
    type Data = Bytes;
    type Error = BareError<'a>;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BareError<'a>>>> {
        Poll::Ready(Some(Err(BareError(self.0))))
    }
}

impl fmt::Debug for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bare")
    }
}

// === impl SendOnly ===

impl<B> Service<Request<B>> for SendOnly {
    type Response = Response<SendOnlyBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::new(SendOnlyBody(self.0.clone()))))
    }
}

impl Body for SendOnlyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}
