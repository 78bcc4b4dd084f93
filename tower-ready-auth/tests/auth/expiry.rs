//! Streams that end when the credentials of their caller do, under a clock that is paused.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_ready_auth::{
    Auth, Ended, Expiry, ExpiryBody, Lookup, Principal, Revocation, RevocationList, StoreError,
};
use tower_ready_core::AnswerBody;
use tower_ready_testing::contract::bounds;

use crate::support::{HMAC, after, hmac_verifier, now, with};

/// What comes over a channel.
struct Stream(mpsc::Receiver<&'static str>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|text| {
            Some(Ok(match text? {
                "trailers" => Frame::trailers(HeaderMap::new()),
                text => Frame::data(Bytes::from_static(text.as_bytes())),
            }))
        })
    }
}

type Answer = Response<AnswerBody<ExpiryBody<Stream>>>;

async fn open(
    expiry: &Expiry,
    kind: &'static str,
    claims: &Value,
) -> (Answer, mpsc::Sender<&'static str>) {
    let (sender, receiver) = mpsc::channel(8);
    let receiver = std::sync::Mutex::new(Some(Stream(receiver)));
    let auth = Auth::builder().jwt(hmac_verifier()).build().unwrap();
    let service = ServiceBuilder::new().layer(auth.layer()).layer(expiry.layer()).service(
        service_fn(|_: Request<()>| {
            let stream = receiver.lock().unwrap().take().unwrap();
            let response = Response::builder().header("content-type", kind).body(stream);
            async move { Ok::<_, Infallible>(response.unwrap()) }
        }),
    );
    let request =
        Request::get("/").header("authorization", format!("Bearer {}", HMAC.token(claims)));
    let answer = service.oneshot(request.body(()).unwrap()).await.unwrap();
    (answer, sender)
}

async fn next(answer: &mut Answer) -> Option<Frame<Bytes>> {
    Some(answer.body_mut().frame().await?.unwrap())
}

#[tokio::test(start_paused = true)]
async fn events_end_when_the_token_does() {
    let start = Instant::now();
    let (mut answer, events) =
        open(&Expiry::new(), "text/event-stream; charset=utf-8", &with(&[])).await;
    events.send("data: 1\n\n").await.unwrap();
    assert_eq!(next(&mut answer).await.unwrap().into_data().unwrap(), "data: 1\n\n");
    assert!(!answer.body().is_end_stream());
    assert!(next(&mut answer).await.is_none());
    // 300 seconds, and the leeway; the token was made up to a second ago.
    let elapsed = start.elapsed().as_secs();
    assert!((328..=331).contains(&elapsed), "{elapsed}");
    assert!(answer.body().is_end_stream());
    assert!(events.is_closed(), "whoever makes them is told");
}

#[tokio::test(start_paused = true)]
async fn calls_end_with_a_status() {
    for kind in ["application/grpc", "application/grpc+proto", "Application/GRPC"] {
        let (mut answer, messages) = open(&Expiry::new(), kind, &with(&[])).await;
        messages.send("message").await.unwrap();
        assert!(next(&mut answer).await.unwrap().is_data());
        let trailers = next(&mut answer).await.unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "16");
        assert!(next(&mut answer).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_stream_is_left_alone() {
    for kind in ["application/octet-stream", "text/event-streams", "application/grpc-web", "x"] {
        let (mut answer, chunks) = open(&Expiry::new(), kind, &with(&[])).await;
        let hour = Duration::from_secs(3_600);
        assert!(timeout(hour, next(&mut answer)).await.is_err(), "{kind}");
        chunks.send("late").await.unwrap();
        assert_eq!(next(&mut answer).await.unwrap().into_data().unwrap(), "late");
        drop(chunks);
        assert!(next(&mut answer).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_soon_after_its_token_is_revoked() {
    let revoked = RevocationList::new();
    let expiry = Expiry::new().revocation(revoked.clone()).every(Duration::from_secs(5));
    let (mut answer, _events) = open(&expiry, "text/event-stream", &with(&[])).await;
    let minute = Duration::from_secs(60);
    assert!(timeout(minute, next(&mut answer)).await.is_err());
    let start = Instant::now();
    revoked.credential("jti-1", after(300));
    assert!(next(&mut answer).await.is_none());
    assert!(start.elapsed() <= Duration::from_secs(5));
}

/// Frames that are always there must not keep the end from being seen.
#[tokio::test(start_paused = true)]
async fn a_stream_that_never_waits_ends_too() {
    let (mut answer, events) = open(&Expiry::new(), "text/event-stream", &with(&[])).await;
    let mut frames = 0;
    loop {
        let _ = events.try_send("data: 1\n\n");
        if next(&mut answer).await.is_none() {
            break;
        }
        frames += 1;
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    assert!((32..=35).contains(&frames), "{frames}");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_told_as_well() {
    let revoked = RevocationList::new();
    let expiry = Expiry::new().leeway(Duration::ZERO).revocation(revoked.clone());
    let principal = |id: &str, lives: u64| -> Principal {
        let claims = with(&[("jti", json!(id)), ("exp", json!(now() + lives))]);
        hmac_verifier().verify(HMAC.token(&claims).as_bytes()).unwrap()
    };
    let start = Instant::now();
    assert_eq!(expiry.ended(&principal("1", 60)).await, Ended::Expired);
    let elapsed = start.elapsed().as_secs();
    assert!((58..=61).contains(&elapsed), "{elapsed}");
    revoked.credential("2", after(300));
    assert_eq!(expiry.ended(&principal("2", 60)).await, Ended::Revoked);
    assert!(timeout(Duration::from_secs(50), expiry.ended(&principal("3", 60))).await.is_err());
}

/// A handler may take so long that nothing of its stream is left.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_over_before_it_begins_ends_at_once() {
    let over = with(&[("exp", json!(now() - 10))]);
    let expiry = Expiry::new().leeway(Duration::ZERO);
    let (mut events, _events) = open(&expiry, "text/event-stream", &over).await;
    assert!(next(&mut events).await.is_none());
    assert!(next(&mut events).await.is_none());
    let (mut call, _messages) = open(&expiry, "application/grpc", &over).await;
    assert!(next(&mut call).await.unwrap().is_trailers());
    assert!(next(&mut call).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_once() {
    let (mut call, messages) = open(&Expiry::new(), "application/grpc", &with(&[])).await;
    for text in ["message", "trailers"] {
        messages.send(text).await.unwrap();
        assert!(next(&mut call).await.is_some());
    }
    tokio::time::advance(Duration::from_secs(3_600)).await;
    drop(messages);
    assert!(next(&mut call).await.is_none());
}

/// Who does not answer whether a token is revoked does not make it live longer.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_keeps_no_stream_open() {
    struct Hanging;

    impl Revocation for Hanging {
        fn is_revoked(&self, _: &Principal) -> Lookup<Result<bool, StoreError>> {
            Lookup::later(std::future::pending())
        }
    }

    let (start, expiry) = (Instant::now(), Expiry::new().revocation(Hanging));
    let (mut answer, _events) = open(&expiry, "text/event-stream", &with(&[])).await;
    assert!(next(&mut answer).await.is_none());
    assert!((328..=331).contains(&start.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn an_interval_may_be_as_long_as_one_likes() {
    let expiry = Expiry::new().revocation(RevocationList::new()).every(Duration::MAX);
    let (mut answer, _events) = open(&expiry, "text/event-stream", &with(&[])).await;
    assert!(next(&mut answer).await.is_none());
}

#[test]
fn the_layer_fits_every_host() {
    bounds::check(&Expiry::new().layer());
}
