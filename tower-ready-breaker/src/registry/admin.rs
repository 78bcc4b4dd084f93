use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use tower_ready_core::Head;
use tower_ready_problem::{Caller, Problem};
use tower_service::Service;

use super::{Listed, Order, Registry, list::json};

/// Shows the breakers of a [`Registry`] and takes orders, over HTTP.
///
/// | request | answer |
/// |---|---|
/// | `GET`, with `?breaker=NAME` for one alone | its circuits as a JSON array |
/// | `POST ?breaker=NAME&order=ORDER` | the same, after the order |
/// | `POST ?breaker=NAME&key=KEY&order=ORDER` | the same, for the circuit of one key |
///
/// The orders are `force_open`, `disable`, `metrics_only`, `auto`, `reset` and `suspect`. Without a
/// key they are for all circuits of a breaker. Whatever the path is, so it goes on any route.
///
/// Whoever reaches it can take the service down: put it on a port of its own, or behind the layers
/// that know who asks. What a browser sends from another site is refused.
///
/// ```
/// use axum::Router;
/// use tower_ready_breaker::Registry;
///
/// let registry = Registry::new();
/// let admin = Router::<()>::new().route_service("/breakers", registry.admin());
/// ```
#[derive(Clone, Debug)]
pub struct AdminService {
    registry: Registry,
}

impl AdminService {
    pub(super) const fn new(registry: Registry) -> Self {
        Self { registry }
    }

    fn answer(&self, head: &Head<'_>) -> Result<Vec<Listed>, Problem> {
        let query = head.uri().query().unwrap_or_default();
        let [breaker, key, order] = ["breaker", "key", "order"].map(|name| value(query, name));
        // Without the key that it names an order would be for all circuits.
        let Ok(key) = key else {
            let detail = "`key` is no percent-encoded UTF-8";
            return Err(Problem::status(StatusCode::BAD_REQUEST).detail(detail));
        };
        let (breaker, order) = (breaker.unwrap_or_default(), order.unwrap_or_default());
        let [breaker, key, order] = [breaker.as_deref(), key.as_deref(), order.as_deref()];
        match *head.method() {
            Method::GET | Method::HEAD => {}
            Method::POST => self.order(head, breaker, key, order)?,
            _ => {
                let problem = Problem::status(StatusCode::METHOD_NOT_ALLOWED);
                return Err(problem.header(ALLOW, HeaderValue::from_static("GET, HEAD, POST")));
            }
        }
        let mut circuits = self.registry.snapshots();
        circuits.retain(|it| breaker.is_none_or(|name| *name == *it.breaker));
        Ok(circuits)
    }

    fn order(
        &self,
        head: &Head<'_>,
        breaker: Option<&str>,
        key: Option<&str>,
        order: Option<&str>,
    ) -> Result<(), Problem> {
        // A page of somebody else's, in the browser of an operator.
        let site = head.headers().get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(Problem::status(StatusCode::FORBIDDEN).detail("orders come from here"));
        }
        let Some(order) = order.and_then(Order::read) else {
            let detail = format!("`order` is one of {}", Order::WORDS);
            return Err(Problem::status(StatusCode::BAD_REQUEST).detail(detail));
        };
        let Some(entry) = breaker.and_then(|name| self.registry.find(name)) else {
            let detail = "`breaker` is none that is known";
            return Err(Problem::status(StatusCode::NOT_FOUND).detail(detail));
        };
        if !entry.order(key, order) {
            let detail = "`key` is none that this breaker has a circuit or room for";
            return Err(Problem::status(StatusCode::NOT_FOUND).detail(detail));
        }
        Ok(())
    }
}

impl<B> Service<Request<B>> for AdminService {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = match self.answer(&Head::of(&request)) {
            Ok(circuits) => {
                let mut response = Response::new(json(&circuits));
                let of_json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, of_json);
                response
            }
            Err(problem) => {
                let response = problem.answer(&Caller::of(&request));
                response.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        ready(Ok(response))
    }
}

/// What the query says of this name, decoded, if it names it.
fn value(query: &str, name: &str) -> Result<Option<String>, Unreadable> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let text = pairs.find(|pair| pair.0 == name).map(|pair| pair.1);
    text.map(|text| decoded(text).ok_or(Unreadable)).transpose()
}

struct Unreadable;

/// RFC 3986 §2.1, and a plus for a space as forms have it.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
