//! Bodies of requests.

use std::{pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError};
use tokio::time::timeout;
use tower_ready_problem::{Problem, types};

use super::BoxError;

/// How long an upload may be silent. It has no deadline while it moves; one that does not would keep
/// its slot for ever.
const SILENCE: Duration = Duration::from_secs(10);

/// Reads a body to its end. What breaks it is the caller's: a limit, silence, or an upload that broke
/// off.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    loop {
        match timeout(SILENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                bytes.extend_from_slice(&data);
            }
            Ok(Some(Err(error))) => return Err(broken(error.into())),
            Ok(None) => return Ok(bytes.freeze()),
            Err(_) => return Err(Problem::status(StatusCode::REQUEST_TIMEOUT)),
        }
    }
}

fn broken(error: BoxError) -> Problem {
    let mut causes =
        std::iter::successors(Some(&*error as &dyn std::error::Error), |it| it.source());
    let is_too_long = causes.any(|error| error.is::<LengthLimitError>());
    let kind = if is_too_long { &types::CONTENT_TOO_LARGE } else { &types::MALFORMED_REQUEST };
    Problem::new(kind).source(error)
}
