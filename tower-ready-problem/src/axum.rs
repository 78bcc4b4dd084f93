//! Problems as the answers of axum's handlers.

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use tower_ready_core::Protocol;

use crate::{Problem, render::Context};

/// `Result<T, Problem>` is what a handler may return.
///
/// A handler does not know its request here, so the answer has no ids until a
/// [`ProblemLayer`](crate::ProblemLayer) outside adds them.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let context = Context::default();
        self.render(Protocol::Http, false, &context, None).map(Body::from)
    }
}
