use tower_layer::Layer;

use crate::{ClientDeadlineService, ClientDeadlines};

/// Holds the calls of a client to deadlines, and tells the servers.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ClientDeadlineLayer {
    deadlines: ClientDeadlines,
}

impl ClientDeadlineLayer {
    /// A layer of this policy.
    pub const fn new(deadlines: ClientDeadlines) -> Self {
        Self { deadlines }
    }
}

impl<S> Layer<S> for ClientDeadlineLayer {
    type Service = ClientDeadlineService<S>;

    fn layer(&self, inner: S) -> ClientDeadlineService<S> {
        ClientDeadlineService::new(inner, self.deadlines.clone())
    }
}
