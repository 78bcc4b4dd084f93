use tower_layer::Layer;

use crate::{ClientTraceService, ClientTracing};

/// Tells the servers that a client calls who asked, and as part of which trace.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ClientTraceLayer {
    tracing: ClientTracing,
}

impl ClientTraceLayer {
    /// A layer of this policy.
    pub const fn new(tracing: ClientTracing) -> Self {
        Self { tracing }
    }
}

impl<S> Layer<S> for ClientTraceLayer {
    type Service = ClientTraceService<S>;

    fn layer(&self, inner: S) -> ClientTraceService<S> {
        ClientTraceService::new(inner, self.tracing.clone())
    }
}
