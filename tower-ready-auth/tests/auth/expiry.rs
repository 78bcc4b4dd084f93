//! Streams that end when the credentials of their caller do, under a clock that is paused.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_ready_auth::{Auth, Ended, Expiry, ExpiryBody, Principal, RevocationList};
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
        self.0.poll_recv(cx).map(|text| Some(Ok(Frame::data(Bytes::from_static(text?.as_bytes())))))
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

#[test]
fn the_layer_fits_every_host() {
    bounds::check(&Expiry::new().layer());
}
