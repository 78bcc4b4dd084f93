//! What of an answer says how the peer is, and when.

mod support;

use std::{
    collections::VecDeque,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use support::{Told, advance, breaker, builder, half_open, secs};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_breaker::{Breaker, BreakerBody, Counts, Reason, Rejected, State};
use tower_ready_core::{Head, LocalRejection, Outcome};

/// A body that plays its frames, and then ends or waits.
#[derive(Default)]
struct Script {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    hangs: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.frames.pop_front() {
            None if self.hangs => Poll::Pending,
            frame => Poll::Ready(frame),
        }
    }
}

fn data() -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from_static(b"data")))
}

fn trailers(code: &'static str) -> Result<Frame<Bytes>, &'static str> {
    let name = HeaderName::from_static("grpc-status");
    let trailers = [(name, HeaderValue::from_static(code))];
    Ok(Frame::trailers(trailers.into_iter().collect()))
}

fn script(frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>) -> Script {
    Script { frames: frames.into_iter().collect(), hangs: false }
}

fn status(status: u16) -> http::response::Builder {
    Response::builder().status(status)
}

fn grpc() -> http::response::Builder {
    status(200).header("content-type", "application/grpc")
}

/// The head of one answer through the breaker.
async fn head(breaker: &Breaker, response: Response<Script>) -> Response<BreakerBody<Script>> {
    ask(breaker, Method::GET, response).await
}

async fn ask(
    breaker: &Breaker,
    method: Method,
    response: Response<Script>,
) -> Response<BreakerBody<Script>> {
    let mut response = Some(response);
    let inner = service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(response.take().unwrap()))
    });
    let request = Request::builder().method(method).body(()).unwrap();
    let mut service = breaker.layer().layer(inner);
    service.ready().await.unwrap().call(request).await.unwrap()
}

/// One answer, read to its end.
async fn whole(breaker: &Breaker, response: Response<Script>) {
    let _ = head(breaker, response).await.into_body().collect().await;
}

fn counted(breaker: &Breaker) -> (u64, u64) {
    let Counts { successes, failures, .. } = breaker.snapshot().totals;
    (successes, failures)
}

// 35
#[tokio::test(start_paused = true)]
async fn a_bad_status_counts_before_the_body_has_ended() {
    let breaker = breaker();
    let hanging = Script { hangs: true, ..Script::default() };
    let answer = head(&breaker, status(503).body(hanging).unwrap()).await;
    assert_eq!(counted(&breaker), (0, 1));
    drop(answer);
    assert_eq!(counted(&breaker), (0, 1), "and once");
}

// 36
#[tokio::test(start_paused = true)]
async fn a_good_status_with_a_body_that_breaks_is_a_failure() {
    let breaker = breaker();
    let broken = script([data(), Err("reset")]);
    let answer = head(&breaker, status(200).body(broken).unwrap()).await;
    assert_eq!(counted(&breaker), (0, 0));
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(counted(&breaker), (0, 1));
}

// 37
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_middle_of_a_body_says_nothing() {
    let breaker = breaker();
    let answer = head(&breaker, status(200).body(script([data(), data()])).unwrap()).await;
    let mut body = Box::pin(answer.into_body());
    assert!(body.frame().await.is_some());
    secs(60).await;
    drop(body);
    assert_eq!(counted(&breaker), (0, 0));
    assert_eq!(breaker.snapshot().dropped, 1);
}

// 38
#[tokio::test(start_paused = true)]
async fn grpc_is_judged_by_its_code_wherever_that_stands() {
    let cases: [(Response<Script>, (u64, u64), &str); 7] = [
        (grpc().body(script([data(), trailers("0")])).unwrap(), (1, 0), "trailers 0"),
        (grpc().body(script([data(), trailers("14")])).unwrap(), (0, 1), "trailers 14"),
        (grpc().body(script([data(), trailers("5")])).unwrap(), (1, 0), "trailers 5"),
        (grpc().body(script([data(), trailers("1")])).unwrap(), (0, 0), "trailers 1"),
        (grpc().body(script([data()])).unwrap(), (0, 1), "no trailers"),
        (grpc().header("grpc-status", "14").body(script([])).unwrap(), (0, 1), "trailers only"),
        (grpc().header("grpc-status", "8").body(script([])).unwrap(), (0, 0), "exhausted"),
    ];
    for (response, expected, what) in cases {
        let breaker = breaker();
        whole(&breaker, response).await;
        assert_eq!(counted(&breaker), expected, "{what}");
    }
}

// 39
#[tokio::test(start_paused = true)]
async fn a_stream_of_an_hour_is_a_good_probe_after_five_seconds() {
    let breaker = breaker();
    half_open(&breaker).await;
    let stream = Script { hangs: true, ..script([data()]) };
    let _answer = head(&breaker, status(200).body(stream).unwrap()).await;
    secs(4).await;
    assert!(breaker.try_acquire().is_err());
    secs(1).await;
    let probe = breaker.try_acquire().expect("the stream has given its slot back");
    probe.success();
    assert_eq!(breaker.state(), State::Closed, "and was the first of two");
    secs(3_600).await;
    assert_eq!(breaker.state(), State::Closed);
}

// 39, while all is well: else a peer of streams alone would have nothing but failures.
#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_has_succeeded_and_breaks_as_a_failure_more() {
    for breaks in [false, true] {
        let breaker = breaker();
        let frames = (0..8).map(|_| data()).chain(breaks.then_some(Err("reset")));
        let answer = head(&breaker, status(200).body(script(frames)).unwrap()).await;
        let mut body = Box::pin(answer.into_body());
        for second in 0..8 {
            // It is a stream from its second frame on.
            assert_eq!(counted(&breaker), (u64::from(second > 6), 0), "after {second} s");
            assert!(body.frame().await.unwrap().is_ok());
            secs(1).await;
        }
        assert_eq!(counted(&breaker), (1, 0));
        assert_eq!(body.frame().await.is_some(), breaks);
        assert_eq!(counted(&breaker), (1, u64::from(breaks)));
    }

    let abandoned = breaker();
    let frames = (0..9).map(|_| data());
    let answer = head(&abandoned, status(200).body(script(frames)).unwrap()).await;
    let mut body = Box::pin(answer.into_body());
    for _ in 0..8 {
        assert!(body.frame().await.is_some());
        secs(1).await;
    }
    drop(body);
    assert_eq!((counted(&abandoned), abandoned.snapshot().dropped), ((1, 0), 0));
}

// 40
#[tokio::test(start_paused = true)]
async fn an_upgrade_is_a_success_with_its_head() {
    let breaker = breaker();
    let hanging = Script { hangs: true, ..Script::default() };
    let _answer = head(&breaker, status(101).body(hanging).unwrap()).await;
    assert_eq!(counted(&breaker), (1, 0));
}

// 41
#[tokio::test(start_paused = true)]
async fn an_answer_without_a_body_is_over_with_its_head() {
    for (method, code) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let breaker = breaker();
        let answer = ask(&breaker, method, status(code).body(script([])).unwrap()).await;
        assert_eq!(counted(&breaker), (1, 0), "{code}");
        drop(answer);
        assert_eq!((counted(&breaker), breaker.snapshot().dropped), ((1, 0), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_status_says_of_the_request_the_peer_is_well() {
    for code in [200, 301, 400, 401, 404, 408, 409, 422, 501, 505] {
        let breaker = breaker();
        whole(&breaker, status(code).body(script([])).unwrap()).await;
        assert_eq!(counted(&breaker), (1, 0), "{code}");
    }
    for code in [500, 502, 503, 504] {
        let breaker = breaker();
        whole(&breaker, status(code).body(script([])).unwrap()).await;
        assert_eq!(counted(&breaker), (0, 1), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_says_nothing_unless_asked_to() {
    let limited = || {
        let response = status(429).header("retry-after", "7");
        response.body(script([])).unwrap()
    };
    let neutral = breaker();
    whole(&neutral, limited()).await;
    assert_eq!(counted(&neutral), (0, 0));
    assert_eq!(neutral.snapshot().rate_limited, 1);

    let counting = builder().count_rate_limits(true).build().unwrap();
    whole(&counting, limited()).await;
    assert_eq!(counted(&counting), (0, 1));

    let told = Told::default();
    let honouring = builder().honour_rate_limits(true).on_event(told.hear()).build().unwrap();
    let at_once = status(429).header("retry-after", "0").body(script([])).unwrap();
    whole(&honouring, at_once).await;
    assert_eq!(honouring.state(), State::Closed, "who may come at once is not shut out");
    whole(&honouring, limited()).await;
    let expected = (Reason::RateLimited, Duration::from_secs(7));
    assert_eq!(told.last_opening(), Some(expected));
}

// 54
#[tokio::test(start_paused = true)]
async fn the_failure_that_opens_it_may_say_for_how_long() {
    for (name, value, seconds) in [
        ("retry-after", "30", 30),
        ("retry-after", "9999999", 60),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", 5),
        ("retry-after", "soon", 5),
        ("retry-after", "1", 5),
        ("grpc-retry-pushback-ms", "20000", 20),
        ("grpc-retry-pushback-ms", "-1", 5),
    ] {
        let told = Told::default();
        let breaker = builder().on_event(told.hear()).build().unwrap();
        for _ in 0..10 {
            let response = status(503).header(name, value);
            whole(&breaker, response.body(script([])).unwrap()).await;
        }
        assert_eq!(told.open_times(), [seconds], "{name}: {value}");
        secs(seconds - 1).await;
        assert!(breaker.try_acquire().is_err());
        secs(1).await;
        assert!(breaker.try_acquire().is_ok());
    }
}

// 59
#[tokio::test(start_paused = true)]
async fn what_a_layer_of_ours_rejected_is_not_the_peers_failure() {
    let breaker = breaker();
    let mut response = status(503).body(script([])).unwrap();
    let rejection = LocalRejection::new("shed", "overloaded");
    response.extensions_mut().insert(rejection);
    whole(&breaker, response).await;
    assert_eq!(counted(&breaker), (0, 0));
    assert_eq!(breaker.snapshot().ignored, 1);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_inside_a_breaker_is_not_charged() {
    let (outer, inner) = (breaker(), breaker());
    inner.force_open();
    let service = service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Script::default())))
    });
    let mut stack = (outer.layer(), inner.layer()).layer(service);
    for _ in 0..20 {
        let answer = stack.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(outer.state(), State::Closed);
    assert_eq!(outer.snapshot().ignored, 20);
}

#[tokio::test(start_paused = true)]
async fn errors_and_panics_are_failures() {
    let breaker = builder().min_calls(100).build().unwrap();
    let mut failing = breaker.layer().layer(service_fn(|_: Request<()>| {
        std::future::ready(Err::<Response<Script>, _>("refused"))
    }));
    assert_eq!(failing.ready().await.unwrap().call(Request::new(())).await.unwrap_err(), "refused");
    assert_eq!(counted(&breaker), (0, 1));

    let mut panicking = breaker.layer().layer(service_fn(|_: Request<()>| async {
        panic!("in the future");
        #[expect(unreachable_code, reason = "it names the type")]
        Ok::<_, Infallible>(Response::new(Script::default()))
    }));
    let call = panicking.ready().await.unwrap().call(Request::new(()));
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    assert_eq!(counted(&breaker), (0, 2));

    panics_when_called(&breaker).await;
    assert_eq!(counted(&breaker), (0, 3));
}

/// A handler may hold a call to somebody else, whole or half read, while it panics for a reason of its
/// own.
#[tokio::test(start_paused = true)]
async fn a_panic_of_who_holds_a_call_is_no_failure_of_the_peer() {
    let breaker = builder().min_calls(100).build().unwrap();
    let mut hanging = breaker.layer().layer(service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Script>, Infallible>>()
    }));
    let call = hanging.ready().await.unwrap().call(Request::new(()));
    panics_holding(call);
    panics_holding(head(&breaker, status(200).body(script([data(), data()])).unwrap()).await);

    let mut run = Box::pin(breaker.run(std::future::pending::<Result<(), ()>>()));
    assert!((&mut run).now_or_never().is_none());
    panics_holding(run);

    let hang = service_fn(|()| std::future::pending::<Result<(), ()>>());
    let mut calls = tower_ready_breaker::CallLayer::new(breaker.clone()).layer(hang);
    panics_holding(calls.ready().await.unwrap().call(()));

    assert_eq!(counted(&breaker), (0, 0));
    assert_eq!(breaker.snapshot().dropped, 4);
}

fn panics_holding(held: impl Sized) {
    let handler = AssertUnwindSafe(move || {
        let _held = held;
        panic!("in a handler");
    });
    assert!(std::panic::catch_unwind(handler).is_err());
}

#[tokio::test(start_paused = true)]
async fn slow_is_measured_to_the_head_or_to_the_end() {
    for (to_end, slow) in [(false, 0), (true, 1)] {
        let breaker =
            builder().slow_calls(Duration::from_secs(1), 0.5).slow_to_end(to_end).build().unwrap();
        let answer = head(&breaker, status(200).body(script([data()])).unwrap()).await;
        advance(Duration::from_secs(2)).await;
        answer.into_body().collect().await.unwrap();
        assert_eq!(breaker.snapshot().window.slow, slow);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_whose_heads_were_quick_are_no_slow_calls() {
    for (to_end, expected) in [(false, State::Closed), (true, State::Open)] {
        let breaker = builder().slow_calls(Duration::from_secs(1), 0.5).slow_to_end(to_end);
        let breaker = breaker.build().unwrap();
        let mut answers = Vec::new();
        for _ in 0..20 {
            let stream = Script { hangs: true, ..script([data()]) };
            answers.push(head(&breaker, status(200).body(stream).unwrap()).await);
        }
        secs(3).await;
        drop(breaker.try_acquire());
        assert_eq!(breaker.state(), expected, "to_end: {to_end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_slowly_is_slow_wherever_it_ended() {
    for to_end in [false, true] {
        let breaker = || {
            let slow = builder().slow_calls(Duration::from_secs(1), 1.0).slow_to_end(to_end);
            slow.build().unwrap()
        };
        let late_error = breaker();
        let mut service = late_error.layer().layer(service_fn(|_: Request<()>| async {
            advance(Duration::from_secs(1)).await;
            Err::<Response<Script>, _>("timed out")
        }));
        service.ready().await.unwrap().call(Request::new(())).await.unwrap_err();
        assert_eq!(late_error.snapshot().window.slow, 1, "an error, to_end: {to_end}");

        let late_head = breaker();
        let mut service = late_head.layer().layer(service_fn(|_: Request<()>| async {
            advance(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(status(503).body(script([])).unwrap())
        }));
        service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(late_head.snapshot().window.slow, 1, "a bad status, to_end: {to_end}");
    }
}

// 24, of an answer whose body goes on.
#[tokio::test(start_paused = true)]
async fn a_probe_with_a_slow_head_opens_it_however_long_its_stream_is() {
    let breaker = builder().slow_calls(Duration::from_secs(1), 1.0).build().unwrap();
    half_open(&breaker).await;
    let mut service = breaker.layer().layer(service_fn(|_: Request<()>| async {
        advance(Duration::from_secs(1)).await;
        let stream = Script { hangs: true, ..script([data()]) };
        Ok::<_, Infallible>(status(200).body(stream).unwrap())
    }));
    let _answer = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().reason, Some(Reason::ProbeFailed));
}

/// A classifier with a defect.
struct Panics;

impl tower_ready_breaker::Classify for Panics {
    fn head(&self, _: &tower_ready_breaker::Answer<'_>) -> Option<Outcome> {
        panic!("a classifier of little care")
    }

    fn end(&self, _: &tower_ready_core::End<'_>) -> Option<Outcome> {
        panic!("a classifier of little care")
    }
}

async fn panics_when_called(breaker: &Breaker) {
    let mut panicking = breaker.layer().layer(service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<Script>, Infallible>> {
            panic!("in the call")
        },
    ));
    panicking.ready().await.unwrap();
    let call = AssertUnwindSafe(|| panicking.call(Request::new(())));
    assert!(std::panic::catch_unwind(call).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_classifier_that_panics_leaves_it_to_the_standards() {
    let breaker = builder().min_calls(100).classify(Panics).build().unwrap();
    whole(&breaker, status(200).body(script([data()])).unwrap()).await;
    whole(&breaker, status(503).body(script([data()])).unwrap()).await;
    assert_eq!(counted(&breaker), (1, 1));
    // Asked while another panic unwinds, where one more would end the process.
    panics_when_called(&breaker).await;
    assert_eq!(counted(&breaker), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_classifier_knows_better() {
    let breaker = builder()
        .classify(|answer: &tower_ready_breaker::Answer<'_>| match answer.status().as_u16() {
            404 => Some(Outcome::Failure),
            503 => Some(Outcome::Ignored),
            _ => None,
        })
        .build()
        .unwrap();
    for code in [404, 503, 500, 200] {
        whole(&breaker, status(code).body(script([])).unwrap()).await;
    }
    assert_eq!(counted(&breaker), (1, 2));
    assert_eq!(breaker.snapshot().ignored, 1);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_in_place_of_the_problem() {
    let breaker = builder()
        .fallback(|_: &Rejected, request: &Head<'_>| {
            let cached = (request.uri().path() == "/").then_some("cached");
            cached.map(|text| Response::new(Bytes::from_static(text.as_bytes())))
        })
        .build()
        .unwrap();
    breaker.force_open();
    let answer = head(&breaker, status(200).body(script([])).unwrap()).await;
    let mark = answer.extensions().get::<LocalRejection>().copied();
    assert_eq!(mark, Some(LocalRejection::new("breaker", "forced_open")));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "cached");
}
