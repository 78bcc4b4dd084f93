//! Streams that end with their credentials, on every host, over real sockets.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{ServiceBuilder, service_fn};
use tower_ready_auth::{AuthLayer, Ended, Expiry, Principal, RevocationList};
use tower_ready_testing::{Call, Reply, Speaks, each_host};

use crate::support::{HMAC, after, hmac_verifier, with};

/// A clock that a test sets forward, and an expiry that looks at it time and again.
fn clock_and_expiry(revoked: &RevocationList) -> (Arc<AtomicU64>, Expiry) {
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&ahead);
    let now = move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed));
    let expiry = Expiry::new().revocation(revoked.clone()).every(Duration::from_millis(2));
    (ahead, expiry.clock(now))
}

/// A stream of two messages and no end, unless the gate opens.
fn stream(speaks: Speaks, id: &str) -> Call {
    let token = HMAC.token(&with(&[("jti", json!(id))]));
    let call = Call::stream(2).then_wait().header("authorization", format!("Bearer {token}"));
    match speaks {
        Speaks::Http => call.answering_with("content-type", "text/event-stream"),
        Speaks::Grpc => call,
    }
}

/// Whole as far as it went: events come again by themselves, and a call is told why.
#[track_caller]
fn assert_ended(reply: &Reply, speaks: Speaks) {
    match speaks {
        Speaks::Http => assert_eq!((reply.status(), reply.broken()), (StatusCode::OK, None)),
        Speaks::Grpc => assert_eq!(reply.code() as i32, 16, "{reply:?}"),
    }
}

each_host! {
    async fn a_stream_ends_when_its_token_is_over(host) {
        let (ahead, expiry) = clock_and_expiry(&RevocationList::new());
        let layers = ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(expiry.layer());
        let server = host.serve(layers).await;
        let mut stream = server.stream(stream(host.speaks(), "1")).await;
        for n in 0..2 {
            assert_eq!(stream.message().await, Some(format!("chunk {n}")));
        }
        // Over, but within the leeway.
        ahead.store(310, Ordering::Relaxed);
        assert_eq!(server.concurrent(), 1);
        ahead.store(331, Ordering::Relaxed);
        assert_ended(&stream.finish().await, host.speaks());
        // Whoever makes the stream is told as well.
        server.until(|counts| counts.concurrent == 0 && counts.abandoned == 1).await;
    }

    async fn the_stream_whose_token_is_revoked_ends_and_no_other(host) {
        let revoked = RevocationList::new();
        let (_, expiry) = clock_and_expiry(&revoked);
        let layers = ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(expiry.layer());
        let server = host.serve(layers).await;
        let mut first = server.stream(stream(host.speaks(), "1")).await;
        let mut second = server.stream(stream(host.speaks(), "2")).await;
        for stream in [&mut first, &mut second] {
            assert_eq!(stream.message().await.as_deref(), Some("chunk 0"));
        }
        revoked.credential("1", after(300));
        assert_ended(&first.finish().await, host.speaks());
        server.until(|counts| counts.concurrent == 1).await;
        server.release(1);
        second.finish().await.assert_ok();
    }
}

/// After the upgrade there is no body to end, so the handler asks.
#[tokio::test]
async fn a_connection_that_was_upgraded_is_closed_by_its_handler() {
    let revoked = RevocationList::new();
    let (_, expiry) = clock_and_expiry(&revoked);
    let talk = move |mut request: Request<Incoming>| {
        let ended = expiry.ended(Principal::of(request.extensions()).unwrap());
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut socket = TokioIo::new(upgraded.await.unwrap());
            socket.write_all(b"hello;").await.unwrap();
            let why: Ended = ended.await;
            socket.write_all(why.as_str().as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        });
        let mut answer = Response::new(Empty::<Bytes>::new());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
        answer.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        async { Ok::<_, Infallible>(answer) }
    };
    let service =
        ServiceBuilder::new().layer(AuthLayer::new(hmac_verifier())).service(service_fn(talk));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let _ = connection.with_upgrades().await;
    });
    let mut socket = TcpStream::connect(address).await.unwrap();
    let token = HMAC.token(&with(&[("jti", json!("1"))]));
    let head = format!(
        "GET /talk HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"hello;") {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "it closed too early");
    }
    revoked.credential("1", after(300));
    socket.read_to_end(&mut read).await.unwrap();
    let read = String::from_utf8(read).unwrap();
    assert!(read.starts_with("HTTP/1.1 101 ") && read.ends_with("\r\n\r\nhello;revoked"), "{read}");
}
