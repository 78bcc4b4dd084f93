use http::Method;
use tower_ready_core::Head;

/// Whether a request is a health check: `GET` or `HEAD` of one of the usual paths, `/livez`,
/// `/readyz`, `/startupz`, `/healthz` and `/health`, or a call of `grpc.health.v1.Health`.
///
/// Who turns these away under load is restarted, or loses its traffic, when it is needed most.
///
/// `Watch` of gRPC is a stream that lasts, and holds a slot for as long as somebody watches: where
/// clients use it, make it [exempt](crate::BulkheadBuilder::exempt), or answer health further out.
#[must_use]
pub fn is_health_check(head: &Head<'_>) -> bool {
    let path = head.uri().path();
    match *head.method() {
        Method::GET | Method::HEAD => {
            matches!(path, "/livez" | "/readyz" | "/startupz" | "/healthz" | "/health")
        }
        Method::POST => path.starts_with("/grpc.health.v1.Health/"),
        _ => false,
    }
}
