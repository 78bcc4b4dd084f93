//! An early answer and the upload that nobody read.

#![cfg(feature = "drain")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Future, pending, ready},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use support::Reject;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ready_core::AnswerBody;
use tower_ready_problem::{DrainBody, DrainLayer, Problem, ProblemLayer};
use tower_ready_testing::{Call, alloc, each_host};

const KIB: usize = 1_024;
/// More than the buffers of both sockets hold.
const UPLOAD: usize = 48 * KIB * KIB;

fn unauthorized() -> Reject {
    Reject::with(|| Problem::status(StatusCode::UNAUTHORIZED))
}

// --- over real sockets ---

/// Sends a whole upload before it reads a byte, as simple clients do.
async fn upload(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("POST /probe/a HTTP/1.1\r\nhost: a\r\ncontent-length: {UPLOAD}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; 64 * KIB];
    for _ in 0..UPLOAD / chunk.len() {
        stream.write_all(&chunk).await?;
    }
    answer(&mut stream).await
}

/// Reads one answer, whose body is a JSON object.
async fn answer(stream: &mut TcpStream) -> io::Result<String> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn patiently<F: Future>(future: F) -> F::Output {
    let patience = Duration::from_secs(60);
    timeout(patience, future).await.expect("an end within a minute")
}

each_host! {
    #[hosts(axum, hyper)]
    async fn without_the_layer_a_client_loses_an_early_answer_to_a_long_upload(host) {
        let server = host.serve(unauthorized()).await;
        let mut lost = 0;
        for _ in 0..5 {
            lost += usize::from(patiently(upload(server.address())).await.is_err());
        }
        assert_ne!(lost, 0);
    }

    #[hosts(axum, hyper)]
    async fn with_the_layer_it_reads_the_answer_every_time(host) {
        let drain = DrainLayer::new().bytes(UPLOAD as u64).time(Duration::from_secs(60));
        let layers = ServiceBuilder::new().layer(drain).layer(unauthorized());
        let server = host.serve(layers.into_inner()).await;
        for _ in 0..5 {
            let answer = patiently(upload(server.address())).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
    }

    /// An upload that was read to its end leaves a connection in order.
    #[hosts(axum, hyper)]
    async fn the_connection_lives_on(host) {
        let layers = ServiceBuilder::new().layer(DrainLayer::new()).layer(unauthorized());
        let server = host.serve(layers.into_inner()).await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        for _ in 0..3 {
            let head = format!("POST /probe/a HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 50 * KIB);
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&vec![b'x'; 50 * KIB]).await.unwrap();
            let answer = patiently(answer(&mut stream)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
        assert_eq!(server.counts().connections, 1);
    }

    #[hosts(axum, hyper)]
    async fn a_client_that_never_ends_its_upload_is_answered_at_the_bound(host) {
        let drain = DrainLayer::new().time(Duration::from_secs(3600));
        let layers = ServiceBuilder::new().layer(drain).layer(unauthorized());
        let server = host.serve(layers.into_inner()).await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream
            .write_all(b"POST /probe/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        let chunk = [b"1000\r\n".to_vec(), vec![b'x'; 4 * KIB], b"\r\n".to_vec()].concat();
        // As far as the bound, and not the end.
        for _ in 0..16 {
            stream.write_all(&chunk).await.unwrap();
        }
        let answer = patiently(answer(&mut stream)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }

    #[hosts(axum, hyper)]
    async fn a_client_that_waits_to_be_asked_is_not_asked(host) {
        let layers = ServiceBuilder::new().layer(DrainLayer::new()).layer(unauthorized());
        let server = host.serve(layers.into_inner()).await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = "POST /probe/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = patiently(answer(&mut stream)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }

    /// It fits every host, and disturbs no exchange that reads what it is sent.
    async fn a_whole_exchange_passes(host) {
        let server = host.serve(DrainLayer::new()).await;
        let reply = server.call(Call::ok().body("upload")).await;
        assert!(reply.is_ok());
        assert_eq!(server.hits(), 1);
    }
}

// --- the rules, one by one ---

/// A body that does as its script says, and remembers how much of it was read.
#[derive(Debug)]
struct Script {
    steps: VecDeque<Step>,
    length: Option<u64>,
    log: Log,
}

#[derive(Clone, Debug)]
enum Step {
    Data(usize),
    Trailers,
    Fail,
    /// Nothing more comes, and no end.
    Stall,
    /// Ever more of this.
    Forever(usize),
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Seen>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    polls: usize,
    bytes: usize,
    dropped: bool,
}

impl Log {
    fn seen(&self) -> Seen {
        *self.0.lock().unwrap()
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let mut seen = this.log.0.lock().unwrap();
        seen.polls += 1;
        let data = |len: usize| Some(Ok(Frame::data(Bytes::from(vec![b'x'; len]))));
        Poll::Ready(match this.steps.pop_front() {
            None => None,
            Some(Step::Stall) => {
                this.steps.push_front(Step::Stall);
                return Poll::Pending;
            }
            Some(Step::Fail) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Data(len)) => {
                seen.bytes += len;
                this.length = this.length.map(|length| length - len as u64);
                data(len)
            }
            Some(Step::Forever(len)) => {
                seen.bytes += len;
                this.steps.push_front(Step::Forever(len));
                data(len)
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.log.0.lock().unwrap().dropped = true;
    }
}

fn chunked(steps: impl IntoIterator<Item = Step>) -> (Script, Log) {
    let log = Log::default();
    let body = Script { steps: steps.into_iter().collect(), length: None, log: log.clone() };
    (body, log)
}

fn sized(steps: impl IntoIterator<Item = Step>, length: usize) -> (Script, Log) {
    let (mut body, log) = chunked(steps);
    body.length = Some(length as u64);
    (body, log)
}

fn post<B>(body: B) -> Request<B> {
    Request::post("/").body(body).unwrap()
}

type Early = Response<Empty<Bytes>>;

fn early() -> Early {
    Response::builder().status(413).body(Empty::new()).unwrap()
}

/// Drops its request and answers.
async fn reject<B>(_: Request<B>) -> Result<Early, Infallible> {
    Ok(early())
}

/// Reads one frame, drops the rest and answers.
async fn reject_late<B: Body + Unpin>(mut request: Request<B>) -> Result<Early, Infallible> {
    let _ = request.body_mut().frame().await;
    Ok(early())
}

async fn drained<S>(layer: DrainLayer, service: S, request: Request<Script>) -> S::Response
where
    S: Service<Request<DrainBody<Script>>, Response = Early, Error = Infallible>,
{
    layer.layer(service).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn an_upload_is_read_to_its_end_before_the_answer() {
    let steps = [Step::Data(10), Step::Data(20), Step::Trailers];
    let (body, log) = chunked(steps);
    let answer = drained(DrainLayer::new(), service_fn(reject), post(body)).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(log.seen().bytes, 30);
    assert_eq!(log.seen().polls, 3);
    assert!(log.seen().dropped);
}

#[tokio::test]
async fn what_the_service_left_is_read_as_well() {
    let (body, log) = sized([Step::Data(10), Step::Data(20)], 30);
    drained(DrainLayer::new(), service_fn(reject_late), post(body)).await;
    assert_eq!(log.seen().bytes, 30);
}

#[tokio::test]
async fn no_more_is_read_than_the_bound_and_the_frame_that_meets_it() {
    let (body, log) = chunked([Step::Forever(1_000)]);
    let layer = DrainLayer::new().bytes(4_500);
    drained(layer, service_fn(reject), post(body)).await;
    assert_eq!(log.seen().bytes, 5_000);

    let (body, log) = chunked([Step::Forever(0)]);
    drained(layer, service_fn(reject), post(body)).await;
    assert_eq!(log.seen().polls, 4_500, "empty frames are no way around it");

    let (body, log) = chunked([Step::Forever(1_000)]);
    drained(DrainLayer::new(), service_fn(reject), post(body)).await;
    assert_eq!(log.seen().bytes, 66_000, "64 KiB by default");
}

#[tokio::test]
async fn an_upload_whose_end_is_out_of_reach_is_not_begun() {
    let (body, log) = sized([Step::Forever(1_000)], 64 * KIB + 1);
    drained(DrainLayer::new(), service_fn(reject), post(body)).await;
    assert_eq!(log.seen().polls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_is_answered_after_a_second() {
    let (body, log) = chunked([Step::Data(10), Step::Stall]);
    let start = Instant::now();
    drained(DrainLayer::new(), service_fn(reject), post(body)).await;
    assert_eq!(start.elapsed().as_millis() / 10, 100, "one second, and the timer's grain");
    assert_eq!(log.seen().bytes, 10);

    let (body, _) = chunked([Step::Stall]);
    let start = Instant::now();
    let layer = DrainLayer::new().time(Duration::from_secs(30));
    drained(layer, service_fn(reject), post(body)).await;
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_over() {
    let (body, log) = chunked([Step::Data(10), Step::Fail, Step::Forever(1)]);
    drained(DrainLayer::new(), service_fn(reject), post(body)).await;
    assert_eq!(log.seen().polls, 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_reads_on_while_it_answers_is_not_waited_for() {
    let (body, log) = chunked([Step::Data(10), Step::Stall]);
    let echo = service_fn(|request: Request<DrainBody<Script>>| {
        ready(Ok::<_, Infallible>(Response::new(request.into_body())))
    });
    let start = Instant::now();
    let answer = DrainLayer::new().layer(echo).oneshot(post(body)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(log.seen().polls, 0);
    drop(answer);
    assert!(log.seen().dropped, "nobody keeps what nobody waits for");
}

/// Keeps its request until it is dropped, not until it is ready.
struct Hoarder<B> {
    _request: Request<B>,
}

impl<B> Future for Hoarder<B> {
    type Output = Result<Early, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(early()))
    }
}

#[tokio::test]
async fn a_future_that_keeps_its_request_until_it_is_dropped_is_dropped_first() {
    let (body, log) = chunked([Step::Data(10)]);
    drained(DrainLayer::new(), service_fn(|_request| Hoarder { _request }), post(body)).await;
    assert_eq!(log.seen().bytes, 10);
}

#[tokio::test]
async fn a_service_that_fails_fails_at_once() {
    let (body, log) = chunked([Step::Data(10)]);
    let fail = service_fn(|_: Request<DrainBody<Script>>| ready(Err::<Early, _>("no")));
    let error = DrainLayer::new().layer(fail).oneshot(post(body)).await.unwrap_err();
    assert_eq!(error, "no");
    assert_eq!(log.seen().polls, 0);
    assert!(log.seen().dropped);
}

#[tokio::test]
async fn a_panic_that_becomes_an_answer_is_an_early_answer() {
    async fn panics(_: Request<DrainBody<Script>>) -> Result<Early, Infallible> {
        panic!("a defect")
    }
    let (body, log) = chunked([Step::Data(10)]);
    let service = ServiceBuilder::new()
        .layer(DrainLayer::new())
        .layer(ProblemLayer::default())
        .service_fn(panics);
    let answer = service.oneshot(post(body)).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(log.seen().bytes, 10);
}

#[tokio::test]
async fn a_cancelled_call_leaves_nothing_behind() {
    let (body, log) = chunked([Step::Data(10), Step::Stall]);
    let mut service = DrainLayer::new().layer(service_fn(reject));
    let mut call = Box::pin(service.call(post(body)));
    assert!(futures_poll(call.as_mut()).is_pending(), "it waits for the upload");
    drop(call);
    assert!(log.seen().dropped);

    let (body, log) = chunked([Step::Data(10), Step::Stall]);
    let waits = service_fn(|request: Request<DrainBody<Script>>| async move {
        let _request = request;
        pending::<Result<Early, Infallible>>().await
    });
    let mut call = Box::pin(DrainLayer::new().layer(waits).call(post(body)));
    assert!(futures_poll(call.as_mut()).is_pending());
    drop(call);
    assert!(log.seen().dropped);
}

fn futures_poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn a_client_that_expects_to_be_asked_is_drained_only_once_it_was() {
    let expecting = |body| {
        let mut request = post(body);
        request.headers_mut().insert("expect", "100-Continue".parse().unwrap());
        request
    };
    let (body, log) = sized([Step::Data(10), Step::Data(10)], 20);
    drained(DrainLayer::new(), service_fn(reject), expecting(body)).await;
    assert_eq!(log.seen().polls, 0);

    let (body, log) = sized([Step::Data(10), Step::Data(10)], 20);
    drained(DrainLayer::new(), service_fn(reject_late), expecting(body)).await;
    assert_eq!(log.seen().bytes, 20);
}

#[tokio::test]
async fn only_requests_whose_answer_can_be_lost_are_drained() {
    let untouched = |layer: DrainLayer, change: fn(&mut Request<Script>)| async move {
        let (body, log) = chunked([Step::Data(10)]);
        let mut request = post(body);
        change(&mut request);
        drained(layer, service_fn(reject), request).await;
        log.seen().polls == 0
    };
    let on = DrainLayer::new();
    assert!(!untouched(on, |_| ()).await);
    assert!(!untouched(on, |request| *request.version_mut() = Version::HTTP_10).await);
    assert!(!untouched(on, |request| *request.method_mut() = Method::DELETE).await);
    assert!(untouched(on, |request| *request.version_mut() = Version::HTTP_2).await);
    assert!(untouched(on, |request| *request.version_mut() = Version::HTTP_3).await);
    for content_type in
        ["application/grpc", "application/grpc-web+proto", "application/connect+json"]
    {
        let (body, log) = chunked([Step::Data(10)]);
        let mut request = post(body);
        let value = content_type.parse().unwrap();
        request.headers_mut().insert("content-type", value);
        drained(on, service_fn(reject), request).await;
        assert_eq!(log.seen().polls, 0, "{content_type}");
    }
    assert!(untouched(on.enabled(false), |_| ()).await);
}

#[tokio::test]
async fn a_switch_of_protocols_is_not_held_up() {
    let (body, log) = chunked([Step::Data(10)]);
    let switch = service_fn(|_: Request<DrainBody<Script>>| {
        let mut response = early();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        ready(Ok::<_, Infallible>(response))
    });
    drained(DrainLayer::new(), switch, post(body)).await;
    assert_eq!(log.seen().polls, 0);
}

#[tokio::test]
async fn the_service_sees_the_body_as_it_is() {
    let steps = [Step::Data(10), Step::Data(20), Step::Trailers];
    let (body, _) = sized(steps, 30);
    let read = service_fn(|request: Request<DrainBody<Script>>| async move {
        let body = request.into_body();
        assert_eq!(body.size_hint().exact(), Some(30));
        assert!(!body.is_end_stream());
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&HeaderMap::new()));
        assert_eq!(collected.to_bytes().len(), 30);
        Ok::<_, Infallible>(early())
    });
    drained(DrainLayer::new(), read, post(body)).await;

    let (body, log) = chunked([Step::Fail, Step::Data(1)]);
    let read = service_fn(|request: Request<DrainBody<Script>>| async move {
        let mut body = request.into_body();
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
        Ok::<_, Infallible>(early())
    });
    drained(DrainLayer::new(), read, post(body)).await;
    assert_eq!(log.seen().polls, 1, "nothing is read after an error");
}

#[test]
fn a_request_without_a_body_costs_no_allocation() {
    let mut service = DrainLayer::new().layer(service_fn(|request: Request<DrainBody<_>>| {
        drop(request);
        ready(Ok::<Response<AnswerBody<Full<Bytes>>>, Infallible>(Response::default()))
    }));
    let request = post(Full::new(Bytes::new()));
    let call = || {
        let mut call = std::pin::pin!(service.call(request));
        assert!(futures_poll(call.as_mut()).is_ready());
    };
    assert_eq!(alloc::count(call).count, 0);
}

#[test]
fn a_request_with_a_body_that_is_read_costs_one() {
    let mut service = DrainLayer::new().layer(service_fn(|request: Request<DrainBody<_>>| {
        let mut body = request.into_body();
        assert!(futures_poll(Pin::new(&mut body.frame())).is_ready());
        assert!(body.is_end_stream());
        ready(Ok::<Response<AnswerBody<Full<Bytes>>>, Infallible>(Response::default()))
    }));
    let request = post(Full::new(Bytes::from_static(b"upload")));
    let call = || {
        let mut call = std::pin::pin!(service.call(request));
        assert!(futures_poll(call.as_mut()).is_ready());
    };
    assert_eq!(alloc::count(call).count, 1);
}
