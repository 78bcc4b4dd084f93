//! What holds of checks whatever their outcome.

use std::{
    io,
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use http::StatusCode;
use tokio::time::sleep;
use tower_ready_shutdown::health::{Change, Check, ConfigErrorKind, Detail, Health, Status};

use crate::dependency::{Dependency, SECOND, probe, text, time_until_ready_is};

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
