//! The whole stack around a route of axum, a method of tonic and a service of hyper.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header::AUTHORIZATION};
use http_body::Body as _;
use tokio::runtime::Builder;
use tower_ready_benches::{Cases, Repeat};
use tower_ready_ratelimit::Fields;
use tower_service::Service;

use crate::{
    requests,
    stacks::{
        self, CHECK, EMPTY_MESSAGE, ORDER, ours, peers,
        tokens::{self, Token},
    },
};

pub(crate) fn cases(cases: &mut Cases) {
    // Peers make their timers in `call`, for which tokio wants a runtime around.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime: &'static _ = Box::leak(Box::new(runtime.expect("a runtime")));
    Box::leak(Box::new(runtime.enter()));

    let hs256 = tokens::hs256("alice");
    let es256 = tokens::es256(1).remove(0);
    let route = stacks::axum;
    let get = || order(&hs256);
    let seen = || order(&es256);
    cases
        .over("HS256", "a route of axum", call(get(), served(route())))
        .ours(
            "ours, without fields",
            call(get(), served(route().layer(ours(&hs256, Fields::None)))),
        )
        .ours("ours", call(get(), served(route().layer(ours(&hs256, Fields::Draft11)))))
        .peer("peers", call(get(), served(peers(route(), &hs256))));
    cases
        .over("an ES256 token seen before", "a route of axum", call(seen(), served(route())))
        .ours(
            "ours, without fields",
            call(seen(), served(route().layer(ours(&es256, Fields::None)))),
        )
        .peer("peers, who check it again", call(seen(), served(peers(route(), &es256))));

    let method = stacks::tonic;
    let check = || check(&hs256);
    cases
        .over("HS256, gRPC", "a method of tonic", call(check(), served(method())))
        .ours(
            "ours, without fields",
            call(check(), served(method().layer(ours(&hs256, Fields::None)))),
        )
        .peer("peers", call(check(), served(peers(method(), &hs256))));

    let service = stacks::hyper;
    let all = ours(&hs256, Fields::None).service(service());
    cases
        .over("HS256, hyper", "a service of hyper", call(get(), service()))
        .ours("ours, without fields", call(get(), all));
}

/// A router as `axum::serve` has it: one that is not told its state makes its routes, and all that
/// is around them, anew for each request.
fn served(router: Router) -> Router {
    router.with_state(())
}

/// What a client sends, its body aside.
struct Asked {
    head: Request<()>,
    body: &'static [u8],
}

fn order(token: &Token) -> Asked {
    let mut head = requests::with_ids(requests::get());
    *head.uri_mut() = http::Uri::from_static(ORDER);
    authorize(head.headers_mut(), token);
    Asked { head, body: &[] }
}

fn check(token: &Token) -> Asked {
    let mut head = requests::with_ids(requests::grpc());
    *head.version_mut() = Version::HTTP_2;
    *head.method_mut() = Method::POST;
    *head.uri_mut() = http::Uri::from_static(CHECK);
    head.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7"));
    authorize(head.headers_mut(), token);
    Asked { head, body: EMPTY_MESSAGE }
}

fn authorize(headers: &mut HeaderMap, token: &Token) {
    let bearer = Bytes::from(format!("Bearer {}", token.text));
    let bearer = HeaderValue::from_maybe_shared(bearer).expect("a token is a value");
    headers.insert(AUTHORIZATION, bearer);
}

fn call<S, B>(asked: Asked, mut service: S) -> Repeat
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + 'static,
    B: http_body::Body,
{
    Repeat::of(move || {
        let context = &mut Context::from_waker(Waker::noop());
        let body = Bytes::from_static(asked.body);
        let request = black_box(asked.head.clone()).map(|()| Body::from(body));
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(context) else {
            panic!("the service has no answer");
        };
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("grpc-status"), "it is refused");
        let (parts, body) = response.into_parts();
        black_box(&parts);
        let mut body = pin!(body);
        while !body.is_end_stream() {
            match body.as_mut().poll_frame(context) {
                // Hosts ask for nothing after trailers.
                Poll::Ready(Some(Ok(frame))) if black_box(&frame).is_trailers() => break,
                Poll::Ready(Some(frame)) => drop(black_box(frame.is_ok())),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("the body waits"),
            }
        }
    })
}
