//! Outgoing calls keep to a quota and to what the upstream asks for, under a paused clock.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::{
    task::{JoinSet, yield_now},
    time::Instant,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_core::{Deadline, LocalRejection};
use tower_ready_ratelimit::{Quota, RateLimitBody, client::Pace};
use tower_ready_testing::contract;

type Answer = Response<RateLimitBody<Full<Bytes>>>;

/// What the upstream answers, in turn; then 200 for ever.
#[derive(Clone, Default)]
struct Upstream(Arc<Mutex<Vec<Response<()>>>>);

impl Upstream {
    fn will(self, status: u16, headers: &[(&'static str, &'static str)]) -> Self {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.0.lock().unwrap().insert(0, response.body(()).unwrap());
        self
    }
}

async fn call(pace: &Pace, upstream: &Upstream, request: Request<()>) -> Answer {
    let upstream = upstream.clone();
    let service = pace.layer().layer(service_fn(move |_: Request<()>| {
        let answer = upstream.0.lock().unwrap().pop().unwrap_or_default();
        ready(Ok::<_, ()>(answer.map(|()| Full::<Bytes>::default())))
    }));
    service.oneshot(request).await.unwrap()
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

const A: &str = "http://a.example/x";

fn pace(wait: u64) -> Pace {
    Pace::new(Quota::per_second(10).burst(2)).unwrap().longest_wait(Duration::from_secs(wait))
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn() {
    let (pace, upstream, start) = (pace(1), Upstream::default(), Instant::now());
    for millis in [0, 0, 100, 200, 300] {
        assert_eq!(call(&pace, &upstream, get(A)).await.status(), StatusCode::OK);
        assert_eq!(start.elapsed().as_millis(), millis);
    }
    assert_eq!(call(&pace, &upstream, get("http://b.example/")).await.status(), StatusCode::OK);
    assert_eq!(start.elapsed().as_millis(), 300, "another authority has its own bucket");
}

/// Sends calls one after the other, and says in their order when and how each was answered.
async fn send(pace: &Pace, upstream: &Upstream, calls: usize) -> Vec<(u128, u16)> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..calls {
        let (pace, upstream) = (pace.clone(), upstream.clone());
        tasks.spawn(async move {
            let answer = call(&pace, &upstream, get(A)).await;
            (number, start.elapsed().as_millis(), answer.status().as_u16())
        });
        yield_now().await;
    }
    let mut answers = tasks.join_all().await;
    answers.sort_unstable();
    answers.into_iter().map(|(_, millis, status)| (millis, status)).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_go_in_turn_and_those_that_would_wait_too_long_are_answered_at_once() {
    let answers = send(&pace(1), &Upstream::default(), 30).await;
    let going = (0..12u64).map(|turn| (u128::from(turn.saturating_sub(1)) * 100, 200));
    let expected: Vec<_> = going.chain([(0, 429); 18]).collect();
    assert_eq!(answers, expected);
}

#[tokio::test(start_paused = true)]
async fn a_pause_counts_into_the_wait_of_all_who_stand_in_line() {
    let upstream = Upstream::default().will(429, &[("retry-after", "2")]);
    let pace = Pace::new(Quota::per_second(10).burst(1)).unwrap();
    let pace = pace.longest_wait(Duration::from_millis(2_150));
    assert_eq!(call(&pace, &upstream, get(A)).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let answers = send(&pace, &upstream, 4).await;
    assert_eq!(answers, [(2_000, 200), (2_100, 200), (0, 429), (0, 429)]);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_gives_its_turn_to_those_behind() {
    let (pace, upstream, start) = (pace(1), Upstream::default(), Instant::now());
    send(&pace, &upstream, 2).await;
    let waiting = || {
        let (pace, upstream) = (pace.clone(), upstream.clone());
        tokio::spawn(async move { call(&pace, &upstream, get(A)).await.status() })
    };
    let (first, second) = (waiting(), waiting());
    yield_now().await;
    first.abort();
    assert!(first.await.is_err());
    assert_eq!(second.await.unwrap(), StatusCode::OK);
    assert_eq!(start.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_asks_for_time_gets_it() {
    for (status, headers) in [
        (429, &[("retry-after", "3")][..]),
        (503, &[("retry-after", "3")]),
        (
            429,
            &[
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"),
            ],
        ),
        (200, &[("ratelimit", r#""a";r=0;t=3"#)]),
        (
            200,
            &[
                ("content-type", "application/grpc"),
                ("grpc-status", "8"),
                ("grpc-retry-pushback-ms", "3000"),
            ],
        ),
    ] {
        let (pace, upstream) = (pace(5), Upstream::default().will(status, headers));
        let start = Instant::now();
        assert_eq!(call(&pace, &upstream, get(A)).await.status().as_u16(), status);
        assert_eq!(call(&pace, &upstream, get(A)).await.status(), StatusCode::OK);
        assert_eq!(start.elapsed().as_secs(), 3, "{status} {headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_comes_too_late_is_answered_here() {
    let (pace, upstream) = (pace(5), Upstream::default().will(429, &[("retry-after", "30")]));
    let start = Instant::now();
    call(&pace, &upstream, get(A)).await;
    let answer = call(&pace, &upstream, get(A)).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "30");
    let local = answer.extensions().get::<LocalRejection>().unwrap();
    assert_eq!((local.by(), local.kind()), ("ratelimit", "pace"));
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_a_deadline() {
    let (pace, upstream) = (pace(5), Upstream::default().will(429, &[("retry-after", "2")]));
    call(&pace, &upstream, get(A)).await;
    let mut request = get(A);
    let deadline = tower_ready_core::Instant::now() + Duration::from_secs(1);
    request.extensions_mut().insert(Deadline::at(deadline));
    assert_eq!(call(&pace, &upstream, request).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_is_not_believed_for_ever() {
    let upstream = Upstream::default().will(429, &[("retry-after", "999999999")]);
    let (pace, start) = (pace(10).longest_pause(Duration::from_secs(7)), Instant::now());
    call(&pace, &upstream, get(A)).await;
    assert_eq!(call(&pace, &upstream, get(A)).await.status(), StatusCode::OK);
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn it_keeps_the_contract_of_layers() {
    let pace = Pace::new(Quota::per_second(1_000)).unwrap();
    contract::check(|| pace.layer()).await;
}
