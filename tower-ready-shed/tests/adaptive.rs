//! An adaptive limit behind the real layer, with the clock stopped.

use std::{
    convert::Infallible,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_ready_shed::{Adaptive, Bulkhead, Event, ShedBody};

type Answer = Response<ShedBody<Full<Bytes>>>;

type Service = BoxCloneSyncService<Request<()>, Answer, Infallible>;

/// A service with so many workers, each of which needs ten milliseconds, and answers at once when it
/// is told to.
fn service(bulkhead: &Bulkhead, workers: usize) -> Service {
    slow_service(bulkhead, workers, Duration::from_millis(10))
}

fn slow_service(bulkhead: &Bulkhead, workers: usize, time: Duration) -> Service {
    let workers = Arc::new(Semaphore::new(workers));
    let inner = service_fn(move |request: Request<()>| {
        let workers = Arc::clone(&workers);
        async move {
            let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
            match request.uri().path() {
                "/fail" => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
                "/none" => *response.status_mut() = StatusCode::NOT_FOUND,
                "/quick" => {}
                _ => {
                    let _worker = workers.acquire().await;
                    sleep(time).await;
                }
            }
            Ok(response)
        }
    });
    BoxCloneSyncService::new(bulkhead.layer().layer(inner))
}

/// Calls without waiting for the answer, and counts it if it is good.
fn call(service: &Service, path: &'static str, patience: Duration, good: &Arc<AtomicUsize>) {
    let (service, good) = (service.clone(), Arc::clone(good));
    tokio::spawn(async move {
        let request = Request::get(path).body(()).unwrap();
        let answer = timeout(patience, service.oneshot(request)).await;
        if answer.is_ok_and(|answer| answer.unwrap().status() == 200) {
            good.fetch_add(1, Relaxed);
        }
    });
}

/// Sends two calls in each millisecond, some of which fail at once, and all of which are given up
/// when their callers' patience is over; returns how many were answered well.
async fn send(service: &Service, millis: usize, patience: Duration) -> usize {
    let good = Arc::new(AtomicUsize::new(0));
    for turn in 0..millis {
        call(service, if turn % 5 == 0 { "/fail" } else { "/" }, patience, &good);
        call(service, "/", patience, &good);
        sleep(Duration::from_millis(1)).await;
    }
    sleep(patience).await;
    good.load(Relaxed)
}

#[tokio::test(start_paused = true)]
async fn the_limit_finds_the_capacity_and_failures_do_not_mislead_it() {
    let limits = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&limits);
    let bulkhead =
        Bulkhead::builder().adaptive(Adaptive::gradient()).on_event(move |event: &Event<'_>| {
            if let Event::Adjusted { limit, .. } = event {
                heard.lock().unwrap().push(*limit);
            }
        });
    let bulkhead = bulkhead.build().unwrap();
    assert_eq!(bulkhead.limit(), 3, "first it is measured how long an answer needs");
    let service = service(&bulkhead, 10);
    send(&service, 2_000, Duration::from_secs(1)).await;
    limits.lock().unwrap().clear();
    let good = send(&service, 4_000, Duration::from_secs(1)).await;
    assert!((3_600..=4_100).contains(&good), "{good} of 4000");
    // In any one moment it may just be measured again, at a random time, with the lowest limit.
    let mut limits = mem::take(&mut *limits.lock().unwrap());
    limits.sort_unstable();
    let median = limits[limits.len() / 2];
    assert!((10..=20).contains(&median), "{limits:?}");
    assert_eq!(bulkhead.in_flight(), 0);
}

/// Only calls that are given up tell of it: nobody waits long enough for an answer.
#[tokio::test(start_paused = true)]
async fn a_service_whose_callers_all_leave_is_not_taken_for_an_idle_one() {
    let adaptive = Adaptive::gradient().initial(400).probe_every(Duration::from_secs(3_600));
    let bulkhead = Bulkhead::builder().adaptive(adaptive).build().unwrap();
    let service = service(&bulkhead, 10);
    // It is learnt how long an answer needs, and from then on there is far too much to do.
    let good = send(&service, 3_000, Duration::from_millis(100)).await;
    assert!(good > 1_500, "{good} of 3000");
    assert!(bulkhead.limit() <= 60, "{bulkhead:?}");
}

const SECOND: Duration = Duration::from_secs(1);

fn gradient() -> Bulkhead {
    // Nothing is measured again, so whatever misleads it does so to the end.
    let adaptive = Adaptive::gradient().probe_every(SECOND * 3_600);
    Bulkhead::builder().adaptive(adaptive).build().unwrap()
}

/// Nobody answers, so nobody but those who find no slot can see that a measurement is over.
#[tokio::test(start_paused = true)]
async fn slots_that_are_held_for_long_keep_no_measurement_from_its_end() {
    let bulkhead = gradient();
    let (service, good) = (service(&bulkhead, 0), Arc::default());
    for _ in 0..10 {
        call(&service, "/", SECOND * 60, &good);
    }
    sleep(SECOND / 10).await;
    assert_eq!((bulkhead.in_flight(), bulkhead.stats().full), (3, 7), "it is being measured");
    sleep(SECOND).await;
    for _ in 0..10 {
        call(&service, "/", SECOND * 60, &good);
    }
    sleep(SECOND / 10).await;
    assert_eq!((bulkhead.in_flight(), bulkhead.stats().full, bulkhead.limit()), (13, 7, 20));
}

/// How many calls of a thousand a second are answered well in three seconds, by a service that can do
/// as many, after it has had these to answer for a while.
async fn after(path: &'static str, count: usize, millis: usize) -> usize {
    let bulkhead = gradient();
    let (service, good) = (service(&bulkhead, 12), Arc::new(AtomicUsize::new(0)));
    let unseen = Arc::default();
    for turn in 0..2_000 + millis {
        call(&service, "/", SECOND, &unseen);
        for _ in 0..if turn < 2_000 { 0 } else { count } {
            call(&service, path, SECOND, &unseen);
        }
        sleep(SECOND / 1_000).await;
    }
    for _ in 0..3_000 {
        call(&service, "/", SECOND, &good);
        sleep(SECOND / 1_000).await;
    }
    sleep(SECOND).await;
    good.load(Relaxed)
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_do_not_mislead_it() {
    let good = after("/none", 2, 1_000).await;
    assert!(good >= 2_900, "{good} of 3000");
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_what_is_quick_by_nature_does_not_mislead_it() {
    let good = after("/quick", 10, 100).await;
    assert!(good >= 2_900, "{good} of 3000");
}

/// Too slow to be measured with a few at a time.
#[tokio::test(start_paused = true)]
async fn a_service_that_needs_long_finds_its_limit_too() {
    let bulkhead = gradient();
    let service = slow_service(&bulkhead, 100, SECOND);
    let good = Arc::new(AtomicUsize::new(0));
    for _ in 0..60 * 200 {
        call(&service, "/", SECOND * 10, &good);
        sleep(SECOND / 200).await;
    }
    let before = good.load(Relaxed);
    for _ in 0..20 * 200 {
        call(&service, "/", SECOND * 10, &good);
        sleep(SECOND / 200).await;
    }
    let good = good.load(Relaxed) - before;
    assert!((1_800..=2_100).contains(&good), "{good} of 2000, {bulkhead:?}");
    assert!(bulkhead.limit() < 200, "{bulkhead:?}");
}
