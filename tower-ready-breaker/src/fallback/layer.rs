use tower_layer::Layer;

use crate::{Breaker, FallbackService};

/// Sends what a [`Breaker`] does not let through to another service: a replica, a cache, a handler
/// with an empty list.
///
/// That service finds in the extensions of its request why, as [`Rejected`](crate::Rejected), and
/// its answer is marked as not the peer's. It answers with bodies and errors of the same types.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_ready_breaker::Breaker;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let service = |text: &'static str| {
///     service_fn(move |_: Request<()>| async move {
///         Ok::<_, Infallible>(Response::new(text.to_owned()))
///     })
/// };
/// let breaker = Breaker::builder("primary").build().unwrap();
/// let stack = breaker.fallback_to(service("replica")).layer(service("primary"));
///
/// breaker.force_open();
/// let answer = stack.oneshot(Request::new(())).await.unwrap();
/// assert_eq!(answer.status(), 200);
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct FallbackLayer<F> {
    breaker: Breaker,
    fallback: F,
}

impl<F> FallbackLayer<F> {
    /// A layer over this breaker.
    pub const fn new(breaker: Breaker, fallback: F) -> Self {
        Self { breaker, fallback }
    }
}

impl<S, F: Clone> Layer<S> for FallbackLayer<F> {
    type Service = FallbackService<S, F>;

    fn layer(&self, inner: S) -> FallbackService<S, F> {
        FallbackService::new(inner, self.breaker.clone(), self.fallback.clone())
    }
}
