//! Routes by hand, as one writes them on bare hyper.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CONTENT_TYPE},
    request::Parts,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower_layer::Layer;
use tower_ready_auth::PolicyService;
use tower_ready_problem::{Caller, Problem};
use tower_service::Service;

use crate::{
    access::Access,
    http::{self as routes, App, Body, BoxError},
};

/// The routes, each behind what it asks of its caller.
#[derive(Clone)]
pub(super) struct Router {
    open: PolicyService<Routes>,
    read: PolicyService<Routes>,
    write: PolicyService<Routes>,
    admin: PolicyService<Routes>,
}

impl Router {
    pub(super) fn new(app: &App) -> Self {
        let behind = |access: Access| access.policy().layer().layer(Routes(app.clone()));
        Self {
            open: behind(Access::Anyone),
            read: behind(Access::Read),
            write: behind(Access::Write),
            admin: behind(Access::Admin),
        }
    }
}

/// What the route of a request asks. What no route answers is open: it says 404 or 405.
fn access(head: &Method, path: &str) -> Access {
    let is_get = matches!(*head, Method::GET | Method::HEAD);
    match path {
        "/orders" if *head == Method::POST => Access::Write,
        "/admin/report" if is_get => Access::Admin,
        _ if is_get && order_id(path).is_some() => Access::Read,
        _ => Access::Anyone,
    }
}

fn order_id(path: &str) -> Option<&str> {
    path.strip_prefix("/orders/").filter(|id| !id.is_empty() && !id.contains('/'))
}

impl<B> Service<Request<B>> for Router
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = <PolicyService<Routes> as Service<Request<B>>>::Response;
    type Error = Infallible;
    type Future = <PolicyService<Routes> as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // All of them always are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = match access(request.method(), request.uri().path()) {
            Access::Anyone => &mut self.open,
            Access::Read => &mut self.read,
            Access::Write => &mut self.write,
            Access::Admin => &mut self.admin,
        };
        service.call(request)
    }
}

/// The handlers. What one refuses is answered here, and gets its ids from the stack.
#[derive(Clone)]
pub(super) struct Routes(App);

type Answer = Result<Response<Body>, Problem>;

impl<B> Service<Request<B>> for Routes
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let app = self.0.clone();
        let caller = Caller::of(&request);
        let (head, body) = request.into_parts();
        Box::pin(async move {
            let answered = answer(&app, &head, body).await;
            Ok(answered.unwrap_or_else(|problem| problem.answer(&caller).map(routes::full)))
        })
    }
}

async fn answer<B>(app: &App, head: &Parts, body: B) -> Answer
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let path = head.uri.path();
    let asker = || routes::asker(&head.headers, &head.extensions);
    let is_get = matches!(head.method, Method::GET | Method::HEAD);
    let is_post = head.method == Method::POST;
    Ok(match path {
        "/" if is_get => routes::index(),
        "/orders" if is_post => routes::create(app, asker(), &json(&head.headers, body).await?)?,
        "/admin/report" if is_get => routes::report(app, asker()),
        "/slow" if is_get => routes::slow(query(&head.uri)?, asker()).await,
        "/fail" if is_get => routes::fail(query(&head.uri)?)?,
        "/panic" if is_get => routes::panics(),
        "/stream" if is_get => routes::stream(query(&head.uri)?),
        "/events" if is_get => routes::events(&app.lifecycle),
        "/echo" if is_post => routes::echo(body).await?,
        "/orders" | "/echo" => return Err(not_allowed("POST")),
        "/" | "/admin/report" | "/slow" | "/fail" | "/panic" | "/stream" | "/events" => {
            return Err(not_allowed("GET,HEAD"));
        }
        _ => {
            let upstream = path.strip_prefix("/upstream/").filter(|path| !path.is_empty());
            let id = order_id(path);
            match (id, upstream) {
                (None, None) if is_page(path) => page(app, head).await,
                (None, None) => return Err(Problem::status(StatusCode::NOT_FOUND)),
                _ if !is_get => return Err(not_allowed("GET,HEAD")),
                (_, Some(path)) => routes::upstream(app, path, head).await?,
                (Some(id), _) => {
                    let bad = |_| bad("the id of an order is a whole number");
                    routes::order(app, id.parse().map_err(bad)?, asker())
                }
            }
        }
    })
}

fn is_page(path: &str) -> bool {
    let name = path.strip_prefix("/problems");
    name.is_some_and(|name| {
        let name = name.strip_prefix('/').map(|name| !name.is_empty() && !name.contains('/'));
        name.unwrap_or_else(|| path == "/problems")
    })
}

async fn page(app: &App, head: &Parts) -> Response<Body> {
    let mut request = Request::new(());
    request.method_mut().clone_from(&head.method);
    request.uri_mut().clone_from(&head.uri);
    request.headers_mut().clone_from(&head.headers);
    let Ok(page) = app.problems.pages().call(request).await;
    page.map(routes::boxed)
}

fn not_allowed(methods: &'static str) -> Problem {
    let problem = Problem::status(StatusCode::METHOD_NOT_ALLOWED);
    problem.header(ALLOW, HeaderValue::from_static(methods))
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::status(StatusCode::BAD_REQUEST).detail(detail.into())
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let query = uri.query().unwrap_or_default();
    serde_urlencoded::from_str(query).map_err(|error| bad(error.to_string()))
}

async fn json<B>(headers: &HeaderMap, body: B) -> Result<Value, Problem>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        let problem = Problem::status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let accepted = HeaderValue::from_static("application/json");
        return Err(problem
            .detail("an order is sent as application/json")
            .header(http::header::ACCEPT, accepted));
    }
    serde_json::from_slice(&routes::read(body).await?).map_err(|error| bad(error.to_string()))
}

fn is_json(value: &HeaderValue) -> bool {
    let media_type = value.as_bytes().split(|byte| *byte == b';').next();
    let media_type = media_type.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let name = media_type.strip_prefix(b"application/");
    name.is_some_and(|name| name == b"json" || name.ends_with(b"+json"))
}

/// Leaves the address of the peer where the limit by address finds it.
#[derive(Clone)]
pub(super) struct WithPeer<S> {
    inner: S,
    peer: SocketAddr,
}

impl<S> WithPeer<S> {
    pub(super) const fn new(inner: S, peer: SocketAddr) -> Self {
        Self { inner, peer }
    }
}

impl<S, B> Service<Request<B>> for WithPeer<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}
