use std::time::Duration;

use tower_layer::Layer;

use super::DrainService;

/// Reads a bounded part of an upload before an answer that did not wait for it, so that HTTP/1
/// clients get that answer instead of a broken connection.
///
/// It lies outside of everything that may answer early, `ProblemLayer` included. The body of a
/// request comes back to it when all of the service has dropped it; it is then read to its end, and
/// only then the answer goes out, unchanged.
///
/// ```
/// use std::time::Duration;
///
/// use axum::Router;
/// use tower::ServiceBuilder;
/// use tower_ready_problem::{DrainLayer, ProblemLayer};
///
/// let app: Router = Router::new().layer(
///     ServiceBuilder::new()
///         .layer(DrainLayer::new().bytes(256 * 1024).time(Duration::from_secs(2)))
///         .layer(ProblemLayer::default()),
/// );
/// ```
///
/// # When it does not wait
///
/// - The upload is known to be longer than the bound. Then its end is out of reach, and a part of
///   it helps no client; only a bound above your largest common upload does.
/// - A handler still holds the body, to read it while its answer streams.
/// - The request says `Expect: 100-continue` and nobody has asked for its body (RFC 9110 §10.1.1):
///   the client waits for the head, and a read would invite the upload.
/// - HTTP/2 and HTTP/3, which end one stream without the connection, and the streams of gRPC,
///   gRPC-Web and Connect.
/// - The service failed instead of answering.
///
/// # What it cannot do
///
/// A client that reads nothing until it has sent everything loses the answer to an upload beyond
/// the bound. So does curl with a large upload over unencrypted HTTP/2, drained or not: it takes
/// the reset of its stream for a failure. Where clients are yours, let them send
/// `Expect: 100-continue`.
///
/// Time is measured by tokio's timer, so the host must be one that runs on tokio with its timer
/// on, as axum and tonic do by themselves.
#[derive(Clone, Copy, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct DrainLayer {
    pub(super) policy: Policy,
}

/// How far to read, and whether at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) bytes: u64,
    pub(super) time: Duration,
    pub(super) enabled: bool,
}

impl DrainLayer {
    /// A layer with the defaults.
    pub const fn new() -> Self {
        let policy = Policy { bytes: 64 * 1024, time: Duration::from_secs(1), enabled: true };
        Self { policy }
    }

    /// The most to read of one upload after its answer is known. The last frame may go beyond it.
    /// Default: 64 KiB.
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.policy.bytes = bytes;
        self
    }

    /// The longest to wait for an upload after its answer is known. Default: one second.
    pub const fn time(mut self, time: Duration) -> Self {
        self.policy.time = time;
        self
    }

    /// Whether it does anything. Default: yes.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.policy.enabled = enabled;
        self
    }
}

impl Default for DrainLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = DrainService<S>;

    fn layer(&self, inner: S) -> DrainService<S> {
        DrainService::new(inner, self.policy)
    }
}
