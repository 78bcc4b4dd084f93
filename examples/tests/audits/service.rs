//! The handlers, and what services do by themselves.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, Response, StatusCode},
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::{get, post},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};

#[derive(Deserialize)]
struct NewOrder {
    item: String,
}

/// What every service of an audit does.
pub(crate) fn handlers() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/orders/{id}", get(async |Path(id): Path<u64>| Json(json!({"id": id}))))
        .route("/orders", post(async |Json(order): Json<NewOrder>| order.item))
        .route("/admin/report", get(async || "a report"))
        .route("/slow", get(pending::<()>))
        .route("/panic", get(async || -> () { panic!("do not show this: secret-4711") }))
        .route("/broken", get(broken))
        .route("/echo", post(echo))
}

/// An error as it comes out of a database.
async fn broken() -> impl IntoResponse {
    let told = "connection to db.internal refused for user orders, password secret-4711";
    (StatusCode::INTERNAL_SERVER_ERROR, told)
}

/// Reads whatever is sent.
async fn echo(body: Body) -> Result<Body, StatusCode> {
    let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Body::from(body.to_bytes()))
}

/// Serves this on a free port, until the test is over.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A middleware made by hand, as it stands in many a service: the token is good if this says so.
pub(crate) fn hand_made(router: Router, is_good: fn(&str) -> bool) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| async move {
        let value = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        match token.is_some_and(is_good) {
            true => next.run(request).await,
            false => StatusCode::UNAUTHORIZED.into_response(),
        }
    }))
}

/// A service that another one calls: it counts, and says what it was told.
#[derive(Clone, Default)]
pub(crate) struct Upstream(Arc<(AtomicU16, AtomicUsize)>);

impl Upstream {
    /// One that answers with this status.
    pub(crate) async fn start(status: u16) -> (Self, SocketAddr) {
        let upstream = Self::default();
        upstream.0.0.store(status, Ordering::SeqCst);
        let router = Router::new().fallback(told).with_state(upstream.clone());
        (upstream, serve(router).await)
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

async fn told(State(upstream): State<Upstream>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    upstream.0.1.fetch_add(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(upstream.0.0.load(Ordering::SeqCst)).unwrap();
    let told =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    (status, Json(Value::Object(told.collect())))
}

/// What calls another service, with its layers around it.
pub(crate) type Calls = BoxCloneSyncService<http::Request<NoBody>, Response<Body>, BoxError>;

/// The body of every call.
pub(crate) type NoBody = Empty<Bytes>;

/// A client without any layer.
pub(crate) fn bare() -> Calls {
    calls(Client::builder(TokioExecutor::new()).build_http::<NoBody>())
}

/// This one, whatever its layers are.
pub(crate) fn calls<S, B>(client: S) -> Calls
where
    S: Service<http::Request<NoBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Calls::new(client.map_response(|answer| answer.map(Body::new)).map_err(Into::into))
}

/// A service whose `GET /upstream` is a call of its own, which says what the upstream said.
pub(crate) fn calling(client: Calls, upstream: SocketAddr) -> Router {
    Router::new().route(
        "/upstream",
        get(async move |headers: HeaderMap| {
            let mut call = http::Request::get(format!("http://{upstream}/"));
            // A call of gRPC differs from others by its type.
            if let Some(media_type) = headers.get("x-speaks") {
                call = call.method("POST").header("content-type", media_type);
            }
            match client.oneshot(call.body(NoBody::new()).unwrap()).await {
                Ok(answer) => answer,
                Err(_) => StatusCode::BAD_GATEWAY.into_response(),
            }
        }),
    )
}
