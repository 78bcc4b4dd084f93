use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_ready_core::{Route, RouteSlot};
use tower_service::Service;

/// Tells layers outside of a router which route a request takes.
///
/// It belongs inside of the router, where that has left its choice in the extensions of the
/// request: `Router::layer` or `Router::route_layer` of axum.
#[derive(Clone, Copy, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct RouteLayer(());

/// A service that is told of the route of its requests, and tells others.
#[derive(Clone, Copy, Debug)]
pub struct RouteService<S>(S);

impl RouteLayer {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = RouteService<S>;

    fn layer(&self, inner: S) -> RouteService<S> {
        RouteService(inner)
    }
}

impl<S, Q> Service<Request<Q>> for RouteService<S>
where
    S: Service<Request<Q>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> S::Future {
        let extensions = request.extensions();
        if let Some(slot) = extensions.get::<RouteSlot>() {
            let route = extensions.get::<Route>().cloned();
            #[cfg(feature = "axum")]
            let route = route.or_else(|| {
                let path = extensions.get::<axum::extract::MatchedPath>()?;
                Some(Route::from(path.as_str()))
            });
            if let Some(route) = route {
                slot.fill(route);
            }
        }
        self.0.call(request)
    }
}
