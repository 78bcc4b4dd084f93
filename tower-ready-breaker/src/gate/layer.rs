use tower_layer::Layer;

use crate::{Breaker, GateService};

/// Is not ready while a [`Breaker`] lets nothing through, so that a balancer goes elsewhere.
///
/// For the endpoints under `tower::balance`, each with a breaker of its own: an endpoint that is
/// not ready is left out, where one that answers at once with a rejection would look like the
/// fastest of all. It is ready again when the circuit may be tried, without anybody asking
/// meanwhile, and never fails to be: a balancer drops an endpoint that does.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct GateLayer {
    breaker: Breaker,
}

impl GateLayer {
    /// A layer over this breaker.
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService::new(inner, self.breaker.clone())
    }
}
