use tower_layer::Layer;

use crate::{Deadlines, UploadService};

/// Ends requests whose bodies stall: no byte for as long as
/// [`upload_idle`](crate::DeadlinesBuilder::upload_idle) says, while somebody reads.
///
/// Who sends a byte a minute holds a connection, a task and a place in every limit, for nothing. A
/// deadline over the whole ends that only where uploads are quick; this lets a large one take its
/// time as long as it moves.
///
/// The handler's read fails with [`Expired`](crate::Expired), and whatever it answers then, the
/// caller is told `408` (over gRPC `DEADLINE_EXCEEDED`). It changes the type of the request's body, so
/// it is a layer of its own: for routers of axum, servers of tonic, and services over any body.
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, routing::post};
/// use tower_ready_deadline::Deadlines;
///
/// let deadlines = Deadlines::builder().upload_idle(Duration::from_secs(10)).build()?;
/// let app = Router::<()>::new()
///     .route("/photos", post(|photo: axum::body::Bytes| async move { photo.len().to_string() }))
///     .layer(deadlines.uploads());
/// # Ok::<(), tower_ready_deadline::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct UploadLayer {
    deadlines: Deadlines,
}

impl UploadLayer {
    /// A layer of this policy.
    pub const fn new(deadlines: Deadlines) -> Self {
        Self { deadlines }
    }
}

impl<S> Layer<S> for UploadLayer {
    type Service = UploadService<S>;

    fn layer(&self, inner: S) -> UploadService<S> {
        UploadService::new(inner, self.deadlines.clone())
    }
}
