//! Whatever a prober sends, it gets an answer that is one.

#![no_main]

use std::{
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header::ACCEPT};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower_ready_shutdown::health::{Check, Detail, Health};
use tower_service::Service;

static HEALTH: LazyLock<Health> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let health = Health::builder()
        .check(Check::new("database", || async { Ok::<_, std::io::Error>(()) }))
        .grpc_service("orders.v1.Orders")
        .build()
        .unwrap();
    // The checks stay as they are: nobody drives their runtime.
    std::mem::forget(runtime);
    health
});

fuzz_target!(|data: &[u8]| {
    // A first line of query, a second of `accept`, and the rest is a call of gRPC.
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let [query, accept, call] = [(); 3].map(|()| lines.next().unwrap_or_default());

    let query = std::str::from_utf8(query).unwrap_or_default();
    if let Ok(mut request) = Request::get(format!("/readyz?{query}")).body(()) {
        if let Ok(accept) = HeaderValue::from_bytes(accept) {
            request.headers_mut().insert(ACCEPT, accept);
        }
        let answer = now(HEALTH.ready().detail(Detail::Full).call(request));
        let expected = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::NOT_FOUND, StatusCode::OK];
        assert!(expected.contains(&answer.status()), "{answer:?}");
    }
    for method in ["Check", "Watch", "List"] {
        let request = Request::post(format!("/grpc.health.v1.Health/{method}"))
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::copy_from_slice(call)))
            .unwrap();
        let answer = now(HEALTH.grpc().call(request));
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/grpc");
    }
});

/// Nothing waits for anything.
fn now<F, T, E: std::fmt::Debug>(future: F) -> T
where
    F: Future<Output = Result<T, E>>,
{
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("a probe waits"),
    }
}
