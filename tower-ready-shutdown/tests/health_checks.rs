//! What checks in the background make of readiness, on a clock that stands still.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::{
    runtime::Builder,
    time::{Instant, advance, sleep},
};
use tower::ServiceExt;
use tower_ready_shutdown::{
    Lifecycle,
    health::{Change, Check, ConfigErrorKind, Criticality, Detail, Endpoint, Health, Status},
};

const SECOND: Duration = Duration::from_secs(1);

/// A dependency that can be down or hang, and counts who asks it.
#[derive(Clone, Default)]
struct Dependency {
    asked: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

impl Dependency {
    fn check(&self, name: &'static str) -> Check {
        let dependency = self.clone();
        Check::new(name, move || dependency.clone().ask())
    }

    async fn ask(self) -> Result<(), io::Error> {
        struct Asking(Arc<AtomicUsize>);
        impl Drop for Asking {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        self.asked.fetch_add(1, SeqCst);
        assert_eq!(self.at_once.fetch_add(1, SeqCst), 0, "one at a time");
        let _asking = Asking(self.at_once);
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "no route to database"));
        }
        Ok(())
    }

    fn set_down(&self, down: bool) {
        self.is_down.store(down, SeqCst);
    }
}

async fn probe(endpoint: Endpoint) -> StatusCode {
    endpoint.oneshot(Request::new(())).await.unwrap().status()
}

async fn text(endpoint: Endpoint, uri: &str) -> String {
    let request = Request::get(uri).body(()).unwrap();
    let body = endpoint.oneshot(request).await.unwrap().into_body();
    let bytes: Bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// How long it takes until readiness is as wanted; the clock jumps from timer to timer.
async fn time_until_ready_is(health: &Health, wanted: bool) -> Duration {
    let start = Instant::now();
    while health.is_ready() != wanted {
        assert!(start.elapsed() < 600 * SECOND, "it never becomes {wanted}");
        sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_dead_database_is_noticed_within_interval_times_fall_and_the_timeout() {
    for hangs in [false, true] {
        for offset in [0, 1_000, 2_500, 4_999] {
            let database = Dependency::default();
            let check = database.check("database").every(5 * SECOND).timeout(SECOND).fall(3);
            let health = Health::builder().check(check).build().unwrap();
            health.until_ready().await;
            sleep(Duration::from_millis(offset)).await;

            database.is_down.store(!hangs, SeqCst);
            database.hangs.store(hangs, SeqCst);
            let took = time_until_ready_is(&health, false).await;
            assert!(took <= 5 * SECOND * 3 + SECOND, "hangs: {hangs}, took {took:?}");
            assert_eq!(probe(health.ready()).await, StatusCode::SERVICE_UNAVAILABLE);
            // A restart does not bring it back.
            assert_eq!(probe(health.live()).await, StatusCode::OK);
            assert_eq!(probe(health.startup()).await, StatusCode::OK);

            database.set_down(false);
            database.hangs.store(false, SeqCst);
            let took = time_until_ready_is(&health, true).await;
            assert!(took > 4 * SECOND && took <= 11 * SECOND, "two passes took {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_probes_cause_no_check() {
    let database = Dependency::default();
    let health = Health::builder().check(database.check("database")).build().unwrap();
    health.until_ready().await;
    let asked = database.asked.load(SeqCst);
    for _ in 0..1_000 {
        assert_eq!(probe(health.ready()).await, StatusCode::OK);
        let page = text(health.ready().detail(Detail::Full), "/readyz?verbose").await;
        assert_eq!(page, "lifecycle: pass\ndatabase: pass\n");
    }
    assert_eq!(database.asked.load(SeqCst), asked);
    // Nobody probes, and it is checked as always.
    sleep(50 * SECOND).await;
    let checks = database.asked.load(SeqCst) - asked;
    assert!((10..=12).contains(&checks), "{checks}");
}

#[tokio::test(start_paused = true)]
async fn a_hung_check_delays_no_probe_and_is_not_run_twice() {
    let database = Dependency::default();
    database.hangs.store(true, SeqCst);
    let fine = Dependency::default();
    let health = Health::builder()
        .check(database.check("database").every(10 * SECOND).timeout(10 * SECOND))
        .check(fine.check("fine"))
        .build()
        .unwrap();
    for _ in 0..100 {
        let now = Instant::now();
        assert_eq!(probe(health.ready()).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(probe(health.live()).await, StatusCode::OK);
        assert_eq!(now.elapsed(), Duration::ZERO);
        sleep(SECOND / 2).await;
    }
    assert!(database.asked.load(SeqCst) <= 6);
    assert!(fine.asked.load(SeqCst) >= 10);
    let page = text(health.ready().detail(Detail::Full), "/?verbose").await;
    assert_eq!(page, "lifecycle: pass\ndatabase: fail (no result within 10s)\nfine: pass\n");
}

#[tokio::test(start_paused = true)]
async fn what_flaps_changes_nothing() {
    let database = Dependency::default();
    let changes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&changes);
    let health = Health::builder()
        .check(database.check("database").every(SECOND).timeout(SECOND / 2).fall(3))
        .on_change(move |_: &Change<'_>| {
            counted.fetch_add(1, SeqCst);
        })
        .build()
        .unwrap();
    health.until_ready().await;
    let flapping = database.clone();
    tokio::spawn(async move {
        loop {
            // Two failures in a row at most.
            let asked = flapping.asked.load(SeqCst);
            flapping.set_down(asked % 3 != 0);
            sleep(SECOND / 20).await;
        }
    });
    for _ in 0..1_000 {
        sleep(SECOND / 10).await;
        assert!(health.is_ready());
    }
    assert_eq!(changes.load(SeqCst), 1, "only that it came up");
}

#[tokio::test(start_paused = true)]
async fn what_only_degrades_warns_and_what_informs_counts_for_nothing() {
    let (cache, mail) = (Dependency::default(), Dependency::default());
    let health = Health::builder()
        .check(cache.check("cache").degrading())
        .check(mail.check("mail").informative())
        .build()
        .unwrap();
    sleep(SECOND).await;
    assert_eq!(health.readiness(), Status::Pass);
    mail.set_down(true);
    sleep(20 * SECOND).await;
    assert_eq!(health.readiness(), Status::Pass);
    cache.set_down(true);
    sleep(20 * SECOND).await;
    assert_eq!(health.readiness(), Status::Warn);
    assert_eq!(probe(health.ready()).await, StatusCode::OK);
    assert_eq!(text(health.ready(), "/").await, "warn\n");
    let page = text(health.ready().detail(Detail::Names), "/?verbose").await;
    assert_eq!(page, "lifecycle: pass\ncache: warn\nmail: warn\n");
    let checks = health.checks();
    assert_eq!(checks[1].criticality, Criticality::Degrading);
    assert_eq!(checks[1].error.as_deref(), Some("no route to database"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_not_ready_before_its_checks_have_passed_once() {
    let database = Dependency::default();
    database.set_down(true);
    let health = Health::builder().check(database.check("database")).build().unwrap();
    assert_eq!(probe(health.ready()).await, StatusCode::SERVICE_UNAVAILABLE);
    sleep(60 * SECOND).await;
    assert_eq!(probe(health.startup()).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(probe(health.live()).await, StatusCode::OK);
    database.set_down(false);
    health.until_ready().await;
    assert_eq!(probe(health.startup()).await, StatusCode::OK);
    // Once over, the start stays over.
    database.set_down(true);
    time_until_ready_is(&health, false).await;
    assert!(health.is_started());
}

#[tokio::test(start_paused = true)]
async fn the_phase_of_the_process_comes_before_every_check() {
    let lifecycle = Lifecycle::builder().build().unwrap();
    let database = Dependency::default();
    let health =
        Health::builder().lifecycle(&lifecycle).check(database.check("database")).build().unwrap();
    sleep(SECOND).await;
    let verbose = || text(health.ready().detail(Detail::Full), "/?verbose");
    assert_eq!(verbose().await, "lifecycle: fail (starting)\ndatabase: pass\n");
    assert_eq!(probe(health.startup()).await, StatusCode::SERVICE_UNAVAILABLE);
    lifecycle.ready();
    health.until_ready().await;
    assert_eq!(probe(health.startup()).await, StatusCode::OK);

    lifecycle.drain();
    assert_eq!(probe(health.ready()).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(verbose().await, "lifecycle: fail (draining)\ndatabase: pass\n");
    assert_eq!(probe(health.live()).await, StatusCode::OK);
    assert_eq!(probe(health.startup()).await, StatusCode::OK);

    assert!(lifecycle.resume());
    assert_eq!(probe(health.ready()).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed_and_is_run_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let check = Check::new("broken", move || {
        let run = counted.fetch_add(1, SeqCst);
        assert!(run != 1, "before its future");
        async move {
            assert!(run != 2, "inside of it");
            Ok::<_, io::Error>(())
        }
    });
    let health = Health::builder().check(check.fall(1).rise(1)).build().unwrap();
    health.until_ready().await;
    time_until_ready_is(&health, false).await;
    let error = health.checks()[1].error.clone();
    assert_eq!(error.as_deref(), Some("the check panicked: before its future"));
    sleep(5 * SECOND).await;
    assert!(!health.is_ready());
    time_until_ready_is(&health, true).await;
    assert_eq!(runs.load(SeqCst), 4);
}

#[test]
fn a_result_that_is_too_old_is_none() {
    let paused = || Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // A runtime that is not run is one that hangs.
    let (hanging, other) = (paused(), paused());
    let database = Dependency::default();
    let health = hanging.block_on(async {
        let health = Health::builder().check(database.check("database")).build().unwrap();
        health.until_ready().await;
        health
    });
    other.block_on(async {
        assert!(health.is_ready());
        advance(16 * SECOND).await;
        let page = text(health.ready().detail(Detail::Full), "/?verbose").await;
        assert_eq!(page, "lifecycle: pass\ndatabase: fail (the last result is too old)\n");
    });
    hanging.block_on(async {
        sleep(16 * SECOND).await;
        assert!(health.is_ready());
    });
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_lost_what_it_shares_takes_requests_again() {
    let shared = Dependency::default();
    let check = shared.check("shared").fail_open_after(60 * SECOND);
    let health = Health::builder().check(check).build().unwrap();
    health.until_ready().await;
    shared.set_down(true);
    time_until_ready_is(&health, false).await;
    let took = time_until_ready_is(&health, true).await;
    assert!(took >= 59 * SECOND && took <= 61 * SECOND, "{took:?}");
    assert_eq!(health.readiness(), Status::Warn);
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_once_with_their_reason() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&told);
    let database = Dependency::default();
    database.set_down(true);
    let health = Health::builder()
        .check(database.check("database"))
        .on_change(move |change: &Change<'_>| {
            let error = change.error.map(str::to_owned);
            ears.lock().unwrap().push((change.from, change.to, error));
        })
        .build()
        .unwrap();
    sleep(30 * SECOND).await;
    database.set_down(false);
    health.until_ready().await;
    database.set_down(true);
    time_until_ready_is(&health, false).await;
    sleep(30 * SECOND).await;
    let refused = Some("no route to database".to_owned());
    let expected = [
        (None, Status::Fail, refused.clone()),
        (None, Status::Pass, None),
        (Some(Status::Pass), Status::Fail, refused),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn checks_end_with_the_last_who_could_ask() {
    let database = Dependency::default();
    let health = Health::builder().check(database.check("database")).build().unwrap();
    let endpoint = health.ready();
    health.until_ready().await;
    drop(health);
    let asked = database.asked.load(SeqCst);
    sleep(20 * SECOND).await;
    assert!(database.asked.load(SeqCst) > asked);
    drop(endpoint);
    let asked = database.asked.load(SeqCst);
    sleep(60 * SECOND).await;
    assert_eq!(database.asked.load(SeqCst), asked);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_declared_broken_is_not_live() {
    let health = Health::builder().build().unwrap();
    assert_eq!(probe(health.live()).await, StatusCode::OK);
    health.declare_broken("the writer died");
    assert_eq!(probe(health.live()).await, StatusCode::SERVICE_UNAVAILABLE);
    let page = text(health.live().detail(Detail::Full), "/?verbose").await;
    assert_eq!(page, "process: fail (the writer died)\n");
    assert_eq!(probe(health.ready()).await, StatusCode::OK);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_with_their_name() {
    let fine = || Check::new("db", async || Ok::<_, io::Error>(()));
    let refused = |check: Check| Health::builder().check(check).build().unwrap_err();
    for (check, kind) in [
        (Check::new("", async || Ok::<_, io::Error>(())), ConfigErrorKind::Name),
        (Check::new("a b", async || Ok::<_, io::Error>(())), ConfigErrorKind::Name),
        (Check::new("lifecycle", async || Ok::<_, io::Error>(())), ConfigErrorKind::Name),
        (fine().every(Duration::ZERO), ConfigErrorKind::Interval),
        (fine().timeout(Duration::ZERO), ConfigErrorKind::Timeout),
        (fine().timeout(6 * SECOND), ConfigErrorKind::Timeout),
        (fine().rise(0), ConfigErrorKind::Threshold),
        (fine().fall(0), ConfigErrorKind::Threshold),
        (fine().max_stale(6 * SECOND), ConfigErrorKind::MaxStale),
        (Check::tcp("db", "db"), ConfigErrorKind::Target),
        (Check::http("db", "https://db/"), ConfigErrorKind::Target),
    ] {
        let error = refused(check);
        assert_eq!(error.kind(), kind, "{error}");
    }
    let twice = Health::builder().check(fine()).check(fine()).build().unwrap_err();
    assert_eq!(twice.kind(), ConfigErrorKind::DuplicateName);
    let stall = Health::builder().stall_limit(Duration::ZERO).build().unwrap_err();
    assert_eq!(stall.kind(), ConfigErrorKind::StallLimit);
    assert!(refused(fine().timeout(6 * SECOND)).to_string().contains("\"db\": timeout"));
}

#[test]
fn without_a_runtime_there_is_nothing_to_check_with() {
    let error = Health::builder().build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Runtime);
}
