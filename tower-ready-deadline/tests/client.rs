//! What a client tells a server, with the clock stopped.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use tokio::time::sleep;
use tower::{Layer, Service, service_fn};
use tower_ready_core::{Deadline, End, Instant, LocalRejection, Outcome, Verdict};
use tower_ready_deadline::{ClientDeadlines, DeadlineExt};

fn after(millis: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_millis(millis))
}

fn request(content_type: Option<&str>) -> Request<()> {
    let request = Request::post("/orders.v1.Orders/Get");
    match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    }
    .body(())
    .unwrap()
}

/// Calls a server that answers after so many milliseconds: the headers that it saw, the answer, and
/// how long that took.
async fn call(
    deadlines: &ClientDeadlines,
    request: Request<()>,
    millis: u64,
) -> (Option<HeaderMap>, Response<()>, u128) {
    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    let server = service_fn(move |request: Request<()>| {
        *sees.lock().unwrap() = Some(request.headers().clone());
        async move {
            sleep(Duration::from_millis(millis)).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let started = Instant::now();
    let response = deadlines.layer().layer(server).call(request).await.unwrap();
    let headers = seen.lock().unwrap().take();
    let took = Instant::now().since(started).as_millis();
    (headers, response.map(drop), took)
}

fn attempt(millis: u64) -> ClientDeadlines {
    ClientDeadlines::builder().attempt(Duration::from_millis(millis)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_protocol_is_told_what_remains_less_the_margin() {
    for (content_type, name, value) in [
        (None, "x-request-timeout-ms", "490"),
        (Some("application/json"), "x-request-timeout-ms", "490"),
        (Some("application/grpc"), "grpc-timeout", "490000u"),
        (Some("application/grpc-web+proto"), "grpc-timeout", "490000u"),
        (Some("application/connect+json"), "connect-timeout-ms", "490"),
    ] {
        let mut request = request(content_type);
        request.extensions_mut().insert(after(500));
        let (headers, response, _) = call(&attempt(5_000), request, 1).await;
        assert_eq!(headers.unwrap()[name], value);
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_attempt_deadline_and_header_counts_and_no_other_header_is_left() {
    let cases = [
        (100, Some(500), Some("400"), "90"),
        (500, Some(100), Some("400"), "90"),
        (500, Some(400), Some("100"), "90"),
        (500, Some(400), Some("9999999999"), "390"),
        (500, None, Some("junk"), "490"),
    ];
    for (own, outer, header, expected) in cases {
        let mut request = request(None);
        request.extensions_mut().extend(outer.map(after).map(extension).unwrap_or_default());
        for name in ["x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms"] {
            request.headers_mut().insert(name, header.unwrap().parse().unwrap());
        }
        let (headers, _, _) = call(&attempt(own), request, 1).await;
        let headers = headers.unwrap();
        let told: Vec<_> = headers.get_all("x-request-timeout-ms").iter().collect();
        assert_eq!(told, [expected]);
        assert!(!headers.contains_key("x-envoy-expected-rq-timeout-ms"));
    }
}

fn extension(deadline: Deadline) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(deadline);
    extensions
}

#[tokio::test(start_paused = true)]
async fn the_current_deadline_is_passed_on() {
    let free = ClientDeadlines::builder().build().unwrap();
    let (headers, ..) = call(&free, request(None), 1).await;
    assert!(headers.unwrap().is_empty(), "nobody waits");

    let inside = after(200).run(async { call(&free, request(None), 1).await.0 });
    assert_eq!(inside.await.unwrap().unwrap()["x-request-timeout-ms"], "190");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_time_is_not_made_and_is_a_rejection_of_ours() {
    for left in [0, 5, 10] {
        let mut request = request(None);
        request.extensions_mut().insert(after(left));
        let deadlines = attempt(1_000);
        let (headers, response, took) = call(&deadlines, request, 1).await;
        assert!(headers.is_none(), "the server was called");
        assert_eq!((response.status().as_u16(), took), (504, 0));
        let local = response.extensions().get::<LocalRejection>().unwrap();
        assert_eq!((local.by(), local.kind()), ("deadline", "spent"));
        assert_eq!(deadlines.stats().spent, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_and_that_is_its_failure() {
    let deadlines = attempt(500);
    let (_, response, took) = call(&deadlines, request(None), 60_000).await;
    assert_eq!(response.status(), 504);
    assert!((500..=502).contains(&took), "{took}");
    assert!(response.extensions().get::<LocalRejection>().is_none());
    assert_eq!(deadlines.stats().expired, 1);
}

/// tonic's channel would answer at 490 ms, and say `CANCELLED`.
#[tokio::test(start_paused = true)]
async fn over_grpc_ours_is_the_first_timer_to_ring() {
    let (_, response, took) = call(&attempt(500), request(Some("application/grpc")), 60_000).await;
    assert_eq!(response.headers()["grpc-status"], "4");
    assert!((488..490).contains(&took), "{took}");
}

fn mark(response: &Response<()>) -> Option<LocalRejection> {
    response.extensions().get().copied()
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_caller_in_a_hurry_says_nothing_of_the_server() {
    let hurried = Some(LocalRejection::new("deadline", "hurried"));
    for (attempt_ms, caller_ms, expected) in
        [(1_000, Some(50), hurried), (1_000, Some(5_000), None), (1_000, None, None)]
    {
        let mut request = request(None);
        if let Some(millis) = caller_ms {
            request.extensions_mut().insert(after(millis));
        }
        let (_, response, _) = call(&attempt(attempt_ms), request, 60_000).await;
        assert_eq!(response.status(), 504);
        assert_eq!(mark(&response), expected, "{attempt_ms} {caller_ms:?}");
    }

    // Also when a layer around retries has told the time in the header.
    let mut told = request(None);
    told.extensions_mut().insert(after(50));
    told.headers_mut().insert("x-request-timeout-ms", "40".parse().unwrap());
    let (_, response, _) = call(&attempt(1_000), told, 60_000).await;
    assert_eq!((response.status().as_u16(), mark(&response)), (504, hurried));

    // Without a time of the client's own, nobody can tell.
    let mut request = request(None);
    request.extensions_mut().insert(after(50));
    let (_, response, _) =
        call(&ClientDeadlines::builder().build().unwrap(), request, 60_000).await;
    assert_eq!((response.status().as_u16(), mark(&response)), (504, None));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_had_too_little_time_is_excused_for_that_alone() {
    let hurried = Some(LocalRejection::new("deadline", "hurried"));
    let answers: [(u16, Option<&str>, _); 5] = [
        (504, None, hurried),
        (200, Some("4"), hurried),
        (503, None, None),
        (200, Some("14"), None),
        (200, None, None),
    ];
    for (status, code, expected) in answers {
        let server = service_fn(move |_: Request<()>| async move {
            let mut response = Response::builder().status(status);
            if let Some(code) = code {
                response = response.header("grpc-status", code);
            }
            Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
        });
        let mut request = request(None);
        request.extensions_mut().insert(after(50));
        let response = attempt(1_000).layer().layer(server).call(request).await.unwrap();
        assert_eq!(mark(&response.map(drop)), expected, "{status} {code:?}");
    }
}

/// What a client calls inside of a layer for the whole: two attempts, of which the second begins when
/// most of the time is gone, as a retry layer makes them. Returns what the server was told of each.
async fn told_of_two_attempts(request: Request<()>) -> Vec<u64> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let server = service_fn(move |request: Request<()>| {
        let value = request.headers()["x-request-timeout-ms"].to_str().unwrap().parse().unwrap();
        tells.lock().unwrap().push(value);
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let attempts = attempt(400).layer().layer(server);
    let twice = service_fn(move |request: Request<()>| {
        let mut attempts = attempts.clone();
        async move {
            let _ = attempts.call(request.clone()).await;
            sleep(Duration::from_millis(400)).await;
            attempts.call(request).await
        }
    });
    attempt(500).layer().layer(twice).call(request).await.unwrap();
    let told = told.lock().unwrap();
    told.clone()
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_is_told_what_is_left_of_the_whole() {
    assert_eq!(told_of_two_attempts(request(None)).await, [390, 90]);
    let mut carries = request(None);
    carries.extensions_mut().insert(after(60_000));
    assert_eq!(told_of_two_attempts(carries).await, [390, 90]);
}

/// A stream whose status comes last, and says this unless it is cut before.
struct Last(Option<&'static str>);

impl http_body::Body for Last {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Some(code) = self.0.take() else { return std::task::Poll::Pending };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.parse().unwrap());
        std::task::Poll::Ready(Some(Ok(http_body::Frame::trailers(trailers))))
    }
}

/// What a breaker around the client hears of a call that its caller gave so much time.
async fn outcome(content_type: &str, caller_ms: u64, code: Option<&'static str>) -> Outcome {
    let server = service_fn(move |_: Request<()>| async move {
        Ok::<_, Infallible>(
            Response::builder()
                .header("content-type", "application/grpc")
                .body(Last(code))
                .unwrap(),
        )
    });
    let deadlines = ClientDeadlines::builder().attempt(Duration::from_secs(1)).http_bodies(true);
    let deadlines = deadlines.build().unwrap();
    let mut request = request(Some(content_type));
    request.extensions_mut().insert(after(caller_ms));
    let answer = deadlines.layer().layer(server).call(request).await.unwrap();
    let Verdict::AtEnd(pending) = Verdict::of_head(&answer) else { panic!("known too early") };
    match answer.into_body().frame().await.unwrap() {
        Ok(frame) => pending.outcome(&End::Trailers(frame.trailers_ref().unwrap())),
        Err(error) => pending.outcome(&End::Error(&error)),
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_a_caller_in_a_hurry_had_cut_says_nothing_of_the_server() {
    let (grpc, http) = ("application/grpc", "application/json");
    for (content_type, caller_ms, code, expected) in [
        (grpc, 50, None, Outcome::Ignored),
        (grpc, 50, Some("4"), Outcome::Ignored),
        (grpc, 50, Some("14"), Outcome::Failure),
        (grpc, 50, Some("0"), Outcome::Success),
        (grpc, 5_000, None, Outcome::Failure),
        (grpc, 5_000, Some("4"), Outcome::Failure),
        (http, 50, None, Outcome::Ignored),
        (http, 5_000, None, Outcome::Failure),
    ] {
        let outcome = outcome(content_type, caller_ms, code).await;
        assert_eq!(outcome, expected, "{content_type} {caller_ms} {code:?}");
    }
}
