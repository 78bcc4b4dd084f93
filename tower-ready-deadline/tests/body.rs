//! Bodies whose time is up, in each protocol, with the clock stopped.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::{Deadline, Instant};
use tower_ready_deadline::{Deadlines, DeadlinesBuilder, Expired, Reason};

const SECOND: Duration = Duration::from_secs(1);

/// A body that is fed by hand.
struct Fed(mpsc::UnboundedReceiver<Frame<Bytes>>, Option<u64>);

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.1.map_or_else(Default::default, http_body::SizeHint::with_exact)
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

fn request(content_type: &str) -> Request<()> {
    let request = Request::post("/orders.v1.Orders/Watch").header("content-type", content_type);
    request.header("x-request-id", "7f3a").body(()).unwrap()
}

/// The body of an answer that began at once.
async fn begun(
    policy: DeadlinesBuilder,
    request: Request<()>,
    length: Option<u64>,
) -> (mpsc::UnboundedSender<Frame<Bytes>>, impl Body<Data = Bytes, Error = BoxError>) {
    let (feed, frames) = mpsc::unbounded_channel();
    let body = Arc::new(Mutex::new(Some(Fed(frames, length))));
    let inner = service_fn(move |_: Request<()>| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let service = policy.margin(Duration::ZERO).build().unwrap().layer().layer(inner);
    (feed, service.oneshot(request).await.unwrap().into_body())
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// All frames, and how it broke off if it did.
async fn drain(
    body: impl Body<Data = Bytes, Error = BoxError>,
) -> (Vec<u8>, HeaderMap, Option<BoxError>) {
    let mut body = pin!(body);
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame {
            Err(error) => {
                assert!(body.is_end_stream());
                return (bytes, trailers, Some(error));
            }
            Ok(frame) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            },
        }
    }
    (bytes, trailers, None)
}

fn policy() -> DeadlinesBuilder {
    Deadlines::builder().timeout(SECOND)
}

#[tokio::test(start_paused = true)]
async fn a_grpc_stream_ends_with_trailers() {
    let started = Instant::now();
    let (feed, body) = begun(policy(), request("application/grpc+proto"), None).await;
    feed.send(data("one")).unwrap();
    let (bytes, trailers, broken) = drain(body).await;
    assert_eq!((&*bytes, broken.is_none()), (b"one".as_slice(), true));
    assert_eq!(trailers["grpc-status"], "4");
    assert_eq!(trailers["grpc-message"], "The request took too long");
    assert!(trailers.contains_key("grpc-status-details-bin"));
    assert!(!trailers.contains_key("content-type"));
    assert!(Instant::now().since(started) - SECOND <= Duration::from_millis(2));
    assert!(feed.is_closed(), "the work has ended");
}

#[tokio::test(start_paused = true)]
async fn the_other_streams_end_with_a_message_of_their_own() {
    let (_feed, body) = begun(policy(), request("application/grpc-web+proto"), None).await;
    let (web, _, broken) = drain(body).await;
    assert!(broken.is_none());
    let lines = "grpc-status:4\r\ngrpc-message:The request took too long\r\n";
    assert_eq!(web[..5], [0x80, 0, 0, 0, lines.len() as u8]);
    assert_eq!(web[5..], *lines.as_bytes());

    let (_feed, body) = begun(policy(), request("application/grpc-web-text"), None).await;
    let (text, _, broken) = drain(body).await;
    assert!(broken.is_none());
    assert_eq!(decode_base64(&text), web);

    let (_feed, body) = begun(policy(), request("application/connect+json"), None).await;
    let (message, _, broken) = drain(body).await;
    assert!(broken.is_none());
    assert_eq!(message[0], 2, "the flag of the last message");
    let json: serde_json::Value = serde_json::from_slice(&message[5..]).unwrap();
    assert_eq!(json["error"]["code"], "deadline_exceeded");
}

/// With the alphabet of RFC 4648 §4.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padding = text.iter().filter(|byte| **byte == b'=').count();
    let digit = |byte: &u8| ALPHABET.iter().position(|it| it == byte).unwrap_or(0) as u32;
    let mut bytes: Vec<u8> = text
        .chunks(4)
        .flat_map(|chunk| {
            let number = chunk.iter().fold(0, |number, byte| number << 6 | digit(byte));
            number.to_be_bytes().into_iter().skip(1).collect::<Vec<_>>()
        })
        .collect();
    bytes.truncate(bytes.len() - padding);
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_length_is_broken_off_and_nothing_is_added() {
    let (feed, body) = begun(policy(), request("application/grpc-web+proto"), Some(6)).await;
    feed.send(data("one")).unwrap();
    let (bytes, _, broken) = drain(body).await;
    assert_eq!(bytes, b"one");
    assert!(broken.unwrap().is::<Expired>());
}

/// Its caller would take what is added for the rest of the message.
#[tokio::test(start_paused = true)]
async fn nothing_is_added_to_a_message_that_has_begun() {
    for content_type in ["application/grpc-web+proto", "application/connect+json"] {
        let (feed, body) = begun(policy(), request(content_type), None).await;
        feed.send(data("\0\0\0\0\x03one\0\0\0\0\x08thr")).unwrap();
        let (bytes, _, broken) = drain(body).await;
        assert_eq!(bytes.len(), 16, "{content_type}");
        assert!(broken.unwrap().is::<Expired>());

        let (feed, body) = begun(policy(), request(content_type), None).await;
        feed.send(data("\0\0\0\0\x03one\0\0\0\0\x05")).unwrap();
        feed.send(data("three")).unwrap();
        let (bytes, _, broken) = drain(body).await;
        assert!(bytes.len() > 18 && broken.is_none(), "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_http_is_broken_off_only_if_it_is_covered() {
    let (feed, body) = begun(policy(), request("text/plain"), None).await;
    tokio::spawn(async move {
        sleep(SECOND * 100).await;
        feed.send(data("late")).unwrap();
    });
    let (bytes, _, broken) = drain(body).await;
    assert_eq!((&*bytes, broken.is_none()), (b"late".as_slice(), true));

    let covered = policy().http_bodies(true);
    let (_feed, body) = begun(covered, request("text/plain"), None).await;
    let (_, _, broken) = drain(body).await;
    let broken = broken.unwrap().downcast::<Expired>().unwrap();
    assert_eq!(broken.reason(), Reason::Deadline);
}

/// It is never pending, so no timer is ever looked at.
#[tokio::test(start_paused = true)]
async fn a_stream_that_never_waits_ends_as_well() {
    let (feed, body) = begun(policy(), request("application/grpc"), None).await;
    let mut body = pin!(body);
    for _ in 0..9 {
        feed.send(data("more")).unwrap();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        advance(SECOND / 9).await;
    }
    feed.send(data("more")).unwrap();
    advance(SECOND / 9).await;
    let last = body.frame().await.unwrap().unwrap();
    assert_eq!(last.trailers_ref().unwrap()["grpc-status"], "4");
    assert!(body.frame().await.is_none());
    assert!(feed.is_closed());
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_body_and_every_frame_begins_it_anew() {
    let idle = || policy().idle(SECOND * 5).exempt(|_| true);
    let (feed, body) = begun(idle(), request("text/plain"), None).await;
    tokio::spawn(async move {
        for _ in 0..5 {
            sleep(SECOND * 4).await;
            feed.send(data("x")).unwrap();
        }
        std::future::pending::<()>().await;
    });
    let started = Instant::now();
    let (bytes, _, broken) = drain(body).await;
    assert_eq!(bytes, b"xxxxx");
    assert_eq!(broken.unwrap().downcast::<Expired>().unwrap().reason(), Reason::Idle);
    assert_eq!(Instant::now().since(started).as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_taken_for_a_silent_body() {
    let idle = policy().idle(SECOND * 5).exempt(|_| true);
    let (feed, body) = begun(idle, request("text/plain"), None).await;
    let mut body = pin!(body);
    feed.send(data("x")).unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    // The timer is set, then rings while nobody reads.
    poll_fn(|cx| {
        assert!(body.as_mut().poll_frame(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    advance(SECOND * 100).await;
    feed.send(data("y")).unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    drop(feed);
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_spends_its_whole_budget_is_stopped() {
    let inner = service_fn(|_: Request<()>| async {
        loop {
            tokio::task::consume_budget().await;
            advance(Duration::from_millis(1)).await;
        }
        #[expect(unreachable_code, reason = "it says what the loop would answer")]
        Ok::<_, Infallible>(Response::new(http_body_util::Empty::<Bytes>::new()))
    });
    let mut service = policy().build().unwrap().layer().layer(inner);
    let response = service.call(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn the_code_inside_may_ask_for_the_deadline() {
    assert_eq!(tower_ready_deadline::current(), None);
    let inner = service_fn(|_: Request<()>| {
        let at_call = tower_ready_deadline::current();
        async move {
            tokio::task::yield_now().await;
            assert_eq!(at_call, tower_ready_deadline::current());
            Ok::<_, Infallible>(Response::new(http_body_util::Empty::<Bytes>::new()))
                .map(|response| (at_call, response))
                .map(|(at_call, mut response)| {
                    response.extensions_mut().insert(at_call);
                    response
                })
        }
    });
    let expected = Deadline::at(Instant::now() + SECOND);
    for (is_set, expected) in [(true, Some(expected)), (false, None)] {
        let mut service = policy().task_local(is_set).build().unwrap().layer().layer(inner);
        let response = service.call(Request::new(())).await.unwrap();
        assert_eq!(response.extensions().get::<Option<Deadline>>(), Some(&expected));
        assert_eq!(tower_ready_deadline::current(), None);
    }
}
