//! Bodies of requests.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError};
use tower_ready_problem::{Problem, types};

use super::BoxError;

/// Reads a body to its end. What breaks it is the caller's: a limit, or an upload that broke off. One
/// that stalls is for the stack to end.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let error: BoxError = match body.collect().await {
        Ok(body) => return Ok(body.to_bytes()),
        Err(error) => error.into(),
    };
    // axum wraps it.
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    let mut is_too_long = false;
    while let Some(it) = cause {
        is_too_long |= it.is::<LengthLimitError>();
        cause = it.source();
    }
    let kind = if is_too_long { &types::CONTENT_TOO_LARGE } else { &types::MALFORMED_REQUEST };
    Err(Problem::new(kind).source(error))
}
