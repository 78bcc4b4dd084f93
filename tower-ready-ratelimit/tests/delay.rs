//! A wait for one's turn, under a paused clock.

use std::{convert::Infallible, future::ready, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::{
    task::{JoinSet, yield_now},
    time::Instant,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_ratelimit::{
    MemoryStore, Policy, Quota, RateLimiter, Secret, key,
    store::{Change, Demand, Reading, Store, StoreError, Taking},
};

const CALLER: HeaderName = HeaderName::from_static("x-caller");

fn limiter(quota: Quota, longest: Duration) -> RateLimiter {
    let policy = Policy::new("caller", quota).key(key::header(CALLER)).delay(longest);
    RateLimiter::builder().keys(100).policy(policy).build().unwrap()
}

async fn call<St: Store>(limiter: RateLimiter<St>, caller: &'static str) -> StatusCode {
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let mut request = Request::new(());
    request.headers_mut().insert(CALLER, HeaderValue::from_static(caller));
    let mut service = limiter.layer().layer(inner);
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    response.status()
}

/// Sends calls one after the other, and says when and how each was answered.
async fn send<St: Store>(
    limiter: &RateLimiter<St>,
    calls: usize,
) -> JoinSet<(usize, u128, StatusCode)> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..calls {
        let limiter = limiter.clone();
        tasks.spawn(async move {
            let status = call(limiter, "alice").await;
            (number, start.elapsed().as_millis(), status)
        });
        yield_now().await;
    }
    tasks
}

#[tokio::test(start_paused = true)]
async fn callers_are_served_in_turn_at_the_rate_of_the_quota() {
    let limiter = limiter(Quota::per_second(10).burst(2), Duration::from_secs(1));
    let answers = send(&limiter, 6).await.join_all().await;
    let mut sorted = answers.clone();
    sorted.sort_unstable_by_key(|answer| (answer.1, answer.0));
    assert_eq!(
        sorted.iter().map(|(number, millis, _)| (*number, *millis)).collect::<Vec<_>>(),
        [(0, 0), (1, 0), (2, 100), (3, 200), (4, 300), (5, 400)],
    );
    assert!(answers.iter().all(|answer| answer.2 == StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_refused_at_once() {
    let limiter = limiter(Quota::per_second(10).burst(1), Duration::from_millis(250));
    let answers = send(&limiter, 5).await.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.2 != StatusCode::OK).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|(number, millis, status)| {
        *number >= 3 && *millis == 0 && *status == StatusCode::TOO_MANY_REQUESTS
    }));
    assert_eq!(limiter.stats("caller").unwrap().refused, 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_gives_its_place_to_those_behind() {
    let limiter = limiter(Quota::per_second(10).burst(1), Duration::from_secs(1));
    assert_eq!(call(limiter.clone(), "alice").await, StatusCode::OK);
    let start = Instant::now();
    let first = tokio::spawn(call(limiter.clone(), "alice"));
    yield_now().await;
    let second = tokio::spawn(call(limiter.clone(), "alice"));
    yield_now().await;
    first.abort();
    assert!(first.await.is_err());
    assert_eq!(second.await.unwrap(), StatusCode::OK);
    assert!(start.elapsed() <= Duration::from_millis(102), "{:?}", start.elapsed());
    assert_eq!(call(limiter.clone(), "bob").await, StatusCode::OK, "others do not wait");
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_who_waits() {
    let limiter = limiter(Quota::per_second(10).burst(1), Duration::from_secs(1));
    let mut tasks = send(&limiter, 2).await;
    // The unit of the one who waits is there, but it has not been woken yet.
    tokio::time::advance(Duration::from_millis(100)).await;
    let late = call(limiter.clone(), "alice");
    let (late, ()) = tokio::join!(late, async {
        while let Some(answer) = tasks.join_next().await {
            assert!(answer.unwrap().1 <= 110);
        }
    });
    assert_eq!(late, StatusCode::OK);
}

/// Buckets in memory, but each answer takes a trip.
struct Distant(MemoryStore);

impl Store for Distant {
    type Trip = std::future::Ready<Result<Vec<Reading>, StoreError>>;

    fn take(
        &self,
        now: tower_ready_core::Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        let mut answer = vec![Reading::default(); readings.len()];
        let _ = self.0.take(now, demands, &mut answer);
        Taking::Trip(ready(Ok(answer)))
    }

    fn adjust(&self, now: tower_ready_core::Instant, demand: &Demand<'_>, change: Change) {
        self.0.adjust(now, demand, change);
    }
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_a_store_beyond_a_socket_too() {
    let quota = Quota::per_second(10).burst(2);
    let policy = Policy::new("caller", quota).key(key::header(CALLER));
    let limiter = RateLimiter::builder()
        .policy(policy.delay(Duration::from_millis(250)))
        .secret(Secret::random())
        .with_store(Distant(MemoryStore::new(100).unwrap()))
        .build()
        .unwrap();
    let mut answers = send(&limiter, 6).await.join_all().await;
    answers.sort_unstable_by_key(|answer| answer.0);
    let answers = answers.iter().map(|(_, millis, status)| (*millis, status.as_u16()));
    assert_eq!(
        answers.collect::<Vec<_>>(),
        [(0, 200), (0, 200), (100, 200), (200, 200), (0, 429), (0, 429)]
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_is_seen_by_policies_that_look_on() {
    let quota = Quota::per_second(10).burst(1);
    let policy = Policy::new("caller", quota).key(key::header(CALLER));
    let limiter = RateLimiter::builder()
        .keys(100)
        .policy(policy.delay(Duration::from_secs(1)))
        .policy(Policy::new("shadow", Quota::per_hour(2)).shadow(true))
        .build()
        .unwrap();
    let answers = send(&limiter, 3).await.join_all().await;
    assert!(answers.iter().all(|answer| answer.2 == StatusCode::OK));
    let stats = limiter.stats("shadow").unwrap();
    assert_eq!((stats.allowed, stats.would_refuse), (2, 1));
}
