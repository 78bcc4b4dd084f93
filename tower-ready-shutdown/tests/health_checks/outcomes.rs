//! What the outcomes of checks make of readiness.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::StatusCode;
use tokio::{
    runtime::Builder,
    time::{Instant, advance, sleep},
};
use tower_ready_shutdown::{
    Lifecycle,
    health::{Change, Check, Criticality, Detail, Health, Status},
};

use crate::dependency::{Dependency, SECOND, probe, text, time_until_ready_is};

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
