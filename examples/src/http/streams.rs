//! Answers that take time to their end.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, Response, StatusCode, header::CACHE_CONTROL};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde::Deserialize;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};
use tower_ready_shutdown::Lifecycle;

use super::{Body, BoxError, answer};

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct StreamQuery {
    chunks: u32,
    #[serde(default)]
    every_ms: u32,
    fail_after: Option<u32>,
}

/// `GET /stream?chunks=N&every_ms=M[&fail_after=K]`
pub(crate) fn stream(query: StreamQuery) -> Response<Body> {
    let every = Duration::from_millis(query.every_ms.into());
    let lines = stream::unfold((0, Instant::now()), move |(sent, due)| async move {
        if query.fail_after == Some(sent) {
            // Lets the host send what it has: it throws that away with a body that breaks.
            yield_now().await;
            // What is sent after a broken body nobody asks for.
            let broken = io::Error::other("the stream breaks, as it was asked to");
            return Some((Err(broken.into()), (sent, due)));
        }
        if sent == query.chunks {
            return None;
        }
        if !every.is_zero() {
            sleep_until(due).await;
        }
        let line = Bytes::from(format!("line {}\n", sent + 1));
        Some((Ok(Frame::data(line)), (sent + 1, due + every)))
    });
    answer(StatusCode::OK, "text/plain; charset=utf-8", body(lines))
}

/// `GET /events`
pub(crate) fn events(lifecycle: &Lifecycle) -> Response<Body> {
    let events = stream::unfold((1u64, Instant::now()), |(n, due)| async move {
        sleep_until(due).await;
        let event = Bytes::from(format!("id: {n}\ndata: {{\"event\":{n}}}\n\n"));
        Some((Ok(Frame::data(event)), (n + 1, due + Duration::from_secs(1))))
    });
    // An end of its own, which the client sees as such. Not before nobody is accepted any more, so
    // that it does not come back here.
    let events = events.take_until(Box::pin(lifecycle.closing()));
    let mut response = answer(StatusCode::OK, "text/event-stream", body(events));
    let no_cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(CACHE_CONTROL, no_cache);
    response
}

fn body(
    frames: impl stream::Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static,
) -> Body {
    StreamBody::new(frames).boxed_unsync()
}
