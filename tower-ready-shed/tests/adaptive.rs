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

/// A service with so many workers, each of which needs ten milliseconds, and fails at once when it
/// is told to.
fn service(
    bulkhead: &Bulkhead,
    workers: usize,
) -> BoxCloneSyncService<Request<()>, Answer, Infallible> {
    let workers = Arc::new(Semaphore::new(workers));
    let inner = service_fn(move |request: Request<()>| {
        let workers = Arc::clone(&workers);
        async move {
            let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
            if request.uri().path() == "/fail" {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            } else {
                let _worker = workers.acquire().await;
                sleep(Duration::from_millis(10)).await;
            }
            Ok(response)
        }
    });
    BoxCloneSyncService::new(bulkhead.layer().layer(inner))
}

/// Sends two calls in each millisecond, some of which fail at once, and all of which are given up
/// when their callers' patience is over; returns how many were answered well.
async fn send(
    service: &BoxCloneSyncService<Request<()>, Answer, Infallible>,
    millis: usize,
    patience: Duration,
) -> usize {
    let good = Arc::new(AtomicUsize::new(0));
    for turn in 0..millis {
        for call in 0..2 {
            let path = if turn % 5 == 0 && call == 0 { "/fail" } else { "/" };
            let (service, good) = (service.clone(), Arc::clone(&good));
            tokio::spawn(async move {
                let request = Request::get(path).body(()).unwrap();
                let answer = timeout(patience, service.oneshot(request)).await;
                if answer.is_ok_and(|answer| answer.unwrap().status() == 200) {
                    good.fetch_add(1, Relaxed);
                }
            });
        }
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
