//! What the HTTP routes answer, on any host.
//!
//! Hosts read a request in their own way, axum with extractors, bare hyper by hand, and come here
//! with what they read. Faults are problems, which either host hands to the stack.

mod streams;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
    request::Parts,
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_ready_auth::Principal;
use tower_ready_core::RequestId;
use tower_ready_problem::{Problem, Problems};
use tower_ready_shutdown::Lifecycle;

pub(crate) use self::{
    streams::{StreamQuery, events, stream},
    upload::read,
};
use crate::{
    orders::{Asker, NewOrder, Orders},
    slow,
    upstream::Upstream,
};

/// The routes, by which metrics, traces and reports name a request.
pub(crate) const ROUTES: [&str; 14] = [
    "/",
    "/orders",
    "/orders/{id}",
    "/admin/report",
    "/slow",
    "/fail",
    "/panic",
    "/stream",
    "/events",
    "/ws",
    "/echo",
    "/upstream/{*path}",
    "/problems",
    "/problems/{name}",
];

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) orders: Arc<Orders>,
    pub(crate) problems: Problems,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) lifecycle: Lifecycle,
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
    pub(crate) fn new(
        problems: Problems,
        upstream: Option<Upstream>,
        lifecycle: Lifecycle,
    ) -> Self {
        Self { orders: Arc::default(), problems, upstream, lifecycle }
    }
}

/// `GET /`
pub(crate) fn index() -> Response<Body> {
    whole(StatusCode::OK, "text/plain; charset=utf-8", "ok")
}

/// `GET /orders/{id}`
pub(crate) fn order(app: &App, id: u64, asker: Asker) -> Response<Body> {
    json(StatusCode::OK, &app.orders.get(id, asker))
}

/// `POST /orders`
pub(crate) fn create(app: &App, asker: Asker, body: &Value) -> Result<Response<Body>, Problem> {
    let order = app.orders.create(&NewOrder::from_json(body)?, asker);
    let mut response = json(StatusCode::CREATED, &order);
    let location = HeaderValue::try_from(format!("/orders/{}", order.id))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// `GET /admin/report`
pub(crate) fn report(app: &App, asker: Asker) -> Response<Body> {
    let Asker { by, request_id } = asker;
    let orders = app.orders.taken();
    json(StatusCode::OK, &serde_json::json!({"orders": orders, "by": by, "request_id": request_id}))
}

/// `GET /slow?ms=N`
pub(crate) async fn slow(query: SlowQuery, asker: Asker) -> Response<Body> {
    slow::work(query.ms, &asker.request_id).await;
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
pub(crate) async fn echo<B>(body: B) -> Result<Response<Body>, Problem>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    Ok(whole(StatusCode::OK, "application/octet-stream", read(body).await?))
}

/// `GET /upstream/{path}`
pub(crate) async fn upstream(
    app: &App,
    path: &str,
    head: &Parts,
) -> Result<Response<Body>, Problem> {
    match &app.upstream {
        Some(upstream) => upstream.get(path, head).await,
        None => Err(Problem::status(StatusCode::NOT_FOUND).detail("there is no --upstream")),
    }
}

/// Who asks, on the routes that anybody may ask as well.
pub(crate) fn asker(headers: &HeaderMap, extensions: &Extensions) -> Asker {
    Asker {
        by: Principal::of(extensions).map_or("anonymous", Principal::subject).to_owned(),
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

/// A body that comes as it comes.
pub(crate) fn stream_body<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
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
