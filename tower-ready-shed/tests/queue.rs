//! Waiting for a slot, with the clock stopped.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::{sync::Semaphore, task::JoinHandle, time::advance};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_ready_core::{Deadline, Instant};
use tower_ready_shed::{Bulkhead, BulkheadBuilder, Priority, Queue, ShedBody, Stats};

const SECOND: Duration = Duration::from_secs(1);

type Answer = Response<ShedBody<Full<Bytes>>>;

/// A service behind a bulkhead, which works until it is let go.
struct Stage {
    bulkhead: Bulkhead,
    service: BoxCloneSyncService<Request<()>, Answer, Infallible>,
    gate: Arc<Semaphore>,
    /// Who was served, by path, in this order.
    served: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    fn new(builder: BulkheadBuilder) -> Self {
        let bulkhead = builder.limit(1).build().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let served = Arc::new(Mutex::new(Vec::new()));
        let (passes, serves) = (Arc::clone(&gate), Arc::clone(&served));
        let inner = service_fn(move |request: Request<()>| {
            let (passes, serves) = (Arc::clone(&passes), Arc::clone(&serves));
            async move {
                serves.lock().unwrap().push(request.uri().path().to_owned());
                passes.acquire().await.unwrap().forget();
                Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
            }
        });
        let service = BoxCloneSyncService::new(bulkhead.layer().layer(inner));
        Self { bulkhead, service, gate, served }
    }

    /// Starts a call, and returns when it works or waits.
    async fn start(&self, path: &str) -> JoinHandle<StatusCode> {
        self.send(Request::get(path).body(()).unwrap()).await
    }

    async fn send(&self, request: Request<()>) -> JoinHandle<StatusCode> {
        let service = self.service.clone();
        let call = tokio::spawn(async move {
            let answer = service.oneshot(request).await.unwrap();
            // The slot is given back with the body.
            answer.status()
        });
        settle().await;
        call
    }

    /// Lets one call finish, and whoever is next begin.
    async fn finish_one(&self) {
        self.gate.add_permits(1);
        settle().await;
    }

    fn served(&self) -> Vec<String> {
        self.served.lock().unwrap().clone()
    }

    fn stats(&self) -> Stats {
        self.bulkhead.stats()
    }
}

/// Lets all tasks run until they wait.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn queue(length: usize) -> BulkheadBuilder {
    let queue = Queue::new(length, SECOND).overload(SECOND * 60, SECOND);
    Bulkhead::builder().queue(queue)
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_are_served_in_the_order_in_which_they_came() {
    let stage = Stage::new(queue(2));
    let calls = [stage.start("/1").await, stage.start("/2").await, stage.start("/3").await];
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (1, 2));
    let full = stage.start("/4").await;
    assert_eq!(full.await.unwrap(), 503);
    for call in calls {
        stage.finish_one().await;
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(stage.served(), ["/1", "/2", "/3"]);
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (0, 0));
    assert_eq!(stage.stats().full, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_queue_says() {
    let stage = Stage::new(queue(2));
    let first = stage.start("/1").await;
    let started = Instant::now();
    let second = stage.start("/2").await;
    assert_eq!(second.await.unwrap(), 503);
    assert!((1_000..=1_002).contains(&Instant::now().since(started).as_millis()));
    assert_eq!((stage.bulkhead.queued(), stage.stats().waited), (0, 1));
    stage.finish_one().await;
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(stage.served(), ["/1"], "the service never heard of the second");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_its_deadline() {
    let stage = Stage::new(queue(2));
    let first = stage.start("/1").await;
    for (left, most) in [(300, 302), (0, 0), (5_000, 1_002)] {
        let mut request = Request::get("/2").body(()).unwrap();
        let deadline = Deadline::at(Instant::now() + Duration::from_millis(left));
        request.extensions_mut().insert(deadline);
        let started = Instant::now();
        assert_eq!(stage.send(request).await.await.unwrap(), 503);
        let waited = Instant::now().since(started).as_millis();
        assert!(waited <= most && waited + 2 >= most, "{left}: {waited}");
    }
    stage.finish_one().await;
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_frees_its_place() {
    let stage = Stage::new(queue(1));
    let first = stage.start("/1").await;
    let second = stage.start("/2").await;
    assert_eq!(stage.start("/3").await.await.unwrap(), 503);
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert_eq!((stage.bulkhead.queued(), stage.stats().left), (0, 1));
    let fourth = stage.start("/4").await;
    stage.finish_one().await;
    stage.finish_one().await;
    assert_eq!((first.await.unwrap(), fourth.await.unwrap()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(stage.served(), ["/1", "/4"]);
}

/// The slot is granted, and its owner is gone before it can take it.
#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_too_late_goes_to_the_next() {
    let stage = Stage::new(queue(2));
    let first = stage.start("/1").await;
    let second = stage.start("/2").await;
    let third = stage.start("/3").await;
    // In one go, so that the second is not polled between the grant and its end.
    stage.gate.add_permits(1);
    first.await.unwrap();
    second.abort();
    settle().await;
    stage.finish_one().await;
    stage.finish_one().await;
    assert_eq!(third.await.unwrap(), 200);
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_important_waits_in_front_and_takes_the_place_of_what_is_not() {
    let builder = queue(2).shares(1.0, 1.0).priority(|head| match head.uri().path() {
        "/low" => Priority::Low,
        "/high" => Priority::High,
        _ => Priority::Normal,
    });
    let stage = Stage::new(builder);
    let first = stage.start("/1").await;
    let low = stage.start("/low").await;
    let normal = stage.start("/2").await;
    let high = stage.start("/high").await;
    assert_eq!(low.await.unwrap(), 503);
    assert_eq!(stage.stats().evicted, 1);
    assert_eq!(stage.start("/low").await.await.unwrap(), 503);
    for call in [first, high, normal] {
        stage.finish_one().await;
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(stage.served(), ["/1", "/high", "/2"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_queue_that_stands_the_newest_goes_first_and_nobody_waits_for_long() {
    let short = Duration::from_millis(50);
    let standing = Queue::new(3, SECOND).overload(Duration::from_millis(200), short);
    let stage = Stage::new(Bulkhead::builder().queue(standing));
    let first = stage.start("/1").await;
    let old = stage.start("/old").await;
    let older = stage.start("/older").await;
    advance(Duration::from_millis(300)).await;
    let new = stage.start("/new").await;
    stage.finish_one().await;
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(stage.served(), ["/1", "/new"], "its caller is most likely there still");
    stage.finish_one().await;
    assert_eq!(new.await.unwrap(), 200);

    // One of those that were there is served now; a new one waits for a short time only.
    let started = Instant::now();
    assert_eq!(stage.start("/short").await.await.unwrap(), 503);
    assert!((50..=52).contains(&Instant::now().since(started).as_millis()));
    stage.finish_one().await;
    stage.finish_one().await;
    assert_eq!((old.await.unwrap(), older.await.unwrap()), (StatusCode::OK, StatusCode::OK));

    // It was empty for a moment, so it is a queue for bursts again.
    let first = stage.start("/1").await;
    let started = Instant::now();
    assert_eq!(stage.start("/2").await.await.unwrap(), 503);
    assert!(Instant::now().since(started) >= SECOND);
    stage.finish_one().await;
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_queue_for_one_stands_on_though_others_take_the_place_in_it() {
    let millis = Duration::from_millis;
    let standing = Queue::new(1, SECOND).overload(millis(200), millis(50));
    let stage = Stage::new(Bulkhead::builder().queue(standing));
    let first = stage.start("/1").await;
    let old = stage.start("/old").await;
    advance(millis(300)).await;
    let new = stage.start("/new").await;
    assert_eq!((old.await.unwrap(), stage.stats().evicted), (StatusCode::SERVICE_UNAVAILABLE, 1));
    let started = Instant::now();
    let newest = stage.start("/newest").await;
    assert_eq!((new.await.unwrap(), stage.stats().evicted), (StatusCode::SERVICE_UNAVAILABLE, 2));
    assert_eq!(newest.await.unwrap(), 503);
    assert!((50..=52).contains(&Instant::now().since(started).as_millis()));
    stage.finish_one().await;
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn more_slots_go_to_those_that_wait() {
    let stage = Stage::new(queue(4));
    let calls = [stage.start("/1").await, stage.start("/2").await, stage.start("/3").await];
    stage.bulkhead.set_limit(3).unwrap();
    settle().await;
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (3, 0));
    stage.gate.add_permits(3);
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
}
