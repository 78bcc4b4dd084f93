//! What the HTTP routes answer, on any host.
//!
//! Hosts read a request in their own way, axum with extractors, bare hyper by hand, and come here
//! with what they read. Faults are problems, which either host hands to the stack.

mod streams;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_ready_core::RequestId;
use tower_ready_problem::{Problem, Problems};

pub(crate) use self::streams::{StreamQuery, events, stream};
use crate::{
    leave::Leave,
    orders::{Asker, NewOrder, Orders},
    slow,
};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) orders: Arc<Orders>,
    pub(crate) problems: Problems,
    pub(crate) leave: Leave,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct SlowQuery {
    ms: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct FailQuery {
    status: u16,
}

impl App {
    pub(crate) fn new(problems: Problems) -> Self {
        Self { orders: Arc::default(), problems, leave: Leave::new() }
    }
}

/// `GET /`
pub(crate) fn index() -> Response<Body> {
    whole(StatusCode::OK, "text/plain; charset=utf-8", "ok")
}

/// `GET /orders/{id}`
pub(crate) fn order(app: &App, id: u64, headers: &HeaderMap) -> Response<Body> {
    json(StatusCode::OK, &app.orders.get(id, asker(headers)))
}

/// `POST /orders`
pub(crate) fn create(
    app: &App,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Response<Body>, Problem> {
    let order = app.orders.create(&NewOrder::from_json(body)?, asker(headers));
    let mut response = json(StatusCode::CREATED, &order);
    let location = HeaderValue::try_from(format!("/orders/{}", order.id))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// `GET /slow?ms=N`
pub(crate) async fn slow(query: SlowQuery, headers: &HeaderMap) -> Response<Body> {
    slow::work(query.ms, &asker(headers).request_id).await;
    whole(StatusCode::OK, "text/plain; charset=utf-8", "done")
}

/// `GET /fail?status=N`
pub(crate) fn fail(query: FailQuery) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = match query.status {
        200..=599 => StatusCode::from_u16(query.status)?,
        _ => {
            let problem = Problem::status(StatusCode::BAD_REQUEST);
            return Err(problem.detail("the status of an answer is 200 to 599"));
        }
    };
    Ok(response)
}

/// `GET /panic`
pub(crate) fn panics() -> Response<Body> {
    panic!("do not show this: 4711")
}

/// `POST /echo`
pub(crate) fn echo(body: Bytes) -> Response<Body> {
    whole(StatusCode::OK, "application/octet-stream", body)
}

/// Who asks: nobody in particular, until tower-ready-auth says who.
pub(crate) fn asker(headers: &HeaderMap) -> Asker {
    Asker {
        by: "anonymous".to_owned(),
        request_id: RequestId::of(headers).map_or_else(String::new, |id| id.to_string()),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let json = serde_json::to_vec(value).unwrap_or_default();
    whole(status, "application/json", json)
}

fn whole(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    answer(status, media_type, full(body))
}

/// A body that is known at once.
pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    boxed(Full::new(body.into()))
}

/// A body that cannot fail.
pub(crate) fn boxed(body: Full<Bytes>) -> Body {
    body.map_err(|never| match never {}).boxed_unsync()
}

fn answer(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
