//! What an operator can say.

mod support;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use support::{Told, breaker, builder, calls, failures, half_open, secs, trip};
use tower_ready_breaker::{Breaker, Event, RejectedKind, State};

// 49
#[tokio::test(start_paused = true)]
async fn forced_open_it_stays_until_somebody_says_otherwise() {
    let breaker = breaker();
    let early = breaker.try_acquire().unwrap();
    breaker.force_open();
    early.success();
    secs(3_600).await;
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!(rejected.kind(), RejectedKind::ForcedOpen);
    assert_eq!((breaker.state(), breaker.admits_in()), (State::ForcedOpen, None));
    breaker.auto();
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.admits_in(), Some(Duration::ZERO));
    calls(&breaker, "+");
}

// 50
#[tokio::test(start_paused = true)]
async fn disabled_it_lets_everything_through_and_counts() {
    let told = Told::default();
    let breaker = builder().on_event(told.hear()).build().unwrap();
    breaker.disable();
    failures(&breaker, 100);
    assert_eq!(breaker.state(), State::Disabled);
    assert_eq!(breaker.snapshot().window.failures, 100);
    assert_eq!(told.words(), ["disabled"]);
}

// 51
#[tokio::test(start_paused = true)]
async fn looking_on_it_says_once_that_it_would_have_opened() {
    let told = Told::default();
    let breaker = builder().on_event(told.hear()).build().unwrap();
    breaker.metrics_only();
    failures(&breaker, 100);
    assert_eq!(breaker.state(), State::MetricsOnly);
    assert_eq!(told.words(), ["metrics_only", "would_open"]);
    breaker.auto();
    failures(&breaker, 10);
    assert_eq!(told.words(), ["metrics_only", "would_open", "closed", "opened"]);
}

#[cfg(feature = "tracing")]
#[tokio::test(start_paused = true)]
async fn each_change_is_logged_as_the_documentation_says() {
    let logs = tower_ready_testing::logs::capture();
    let breaker = breaker();
    half_open(&breaker).await;
    calls(&breaker, "++");
    breaker.metrics_only();
    failures(&breaker, 10);
    let mut events = logs.events();
    events.retain(|event| event.target() == "tower_ready_breaker");
    let told = events.iter().map(|event| {
        let field = |name| event.field(name).unwrap_or_default().to_owned();
        assert_eq!((field("breaker"), field("key")), ("orders".to_owned(), String::new()));
        (event.level().as_str(), event.message(), field("change"), field("reason"))
    });
    let expected = [
        ("WARN", "circuit opened", "opened", "failure_rate"),
        ("INFO", "circuit changed", "half_opened", ""),
        ("INFO", "circuit changed", "closed", ""),
        ("INFO", "circuit changed", "metrics_only", ""),
        ("WARN", "circuit did not open", "would_open", "failure_rate"),
    ];
    let expected = expected.map(|(level, message, change, reason)| {
        (level, message, change.to_owned(), reason.to_owned())
    });
    assert!(told.eq(expected), "{}", logs.text());
}

// 52
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_out_when_it_is_forced_says_nothing() {
    let breaker = breaker();
    half_open(&breaker).await;
    let probe = breaker.try_acquire().unwrap();
    breaker.force_open();
    breaker.auto();
    half_open(&breaker).await;
    let other = breaker.try_acquire().unwrap();
    breaker.force_open();
    probe.success();
    other.failure();
    assert_eq!(breaker.state(), State::ForcedOpen);
    assert_eq!(breaker.snapshot().stale, 2);
}

// 53
#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_or_gives_orders_harms_nobody() {
    let handle = Arc::new(OnceLock::<Breaker>::new());
    let late = Arc::clone(&handle);
    let breaker = builder()
        .on_event((
            |_: &Event<'_>| panic!("a listener of little care"),
            move |event: &Event<'_>| {
                if event.change.as_str() == "opened" {
                    let breaker = late.get().unwrap();
                    assert_eq!(breaker.snapshot().state, State::Open);
                    breaker.force_open();
                }
            },
        ))
        .build()
        .unwrap();
    handle.set(breaker.clone()).unwrap();
    failures(&breaker, 10);
    breaker.auto();
    assert_eq!(breaker.state(), State::Closed);
    failures(&breaker, 10);
    assert!(breaker.try_acquire().is_err());

    // The second listener of a pair is not asked after a panic of the first; alone it is.
    let handle = Arc::new(OnceLock::<Breaker>::new());
    let late = Arc::clone(&handle);
    let breaker = builder()
        .on_event(move |event: &Event<'_>| {
            if event.change.as_str() == "opened" {
                late.get().unwrap().disable();
            }
        })
        .build()
        .unwrap();
    handle.set(breaker.clone()).unwrap();
    failures(&breaker, 10);
    assert_eq!(breaker.state(), State::Disabled);
}

#[tokio::test(start_paused = true)]
async fn a_suspicion_tries_a_closed_circuit_and_shuts_nobody_out() {
    let breaker = breaker();
    breaker.suspect();
    assert_eq!(breaker.state(), State::HalfOpen);
    calls(&breaker, "++");
    assert_eq!(breaker.state(), State::Closed);
    breaker.suspect();
    calls(&breaker, "-");
    assert_eq!(breaker.state(), State::Open);
    breaker.suspect();
    assert_eq!(breaker.state(), State::Open);
    for (order, state) in [
        (Breaker::force_open as fn(&Breaker), State::ForcedOpen),
        (Breaker::disable, State::Disabled),
        (Breaker::metrics_only, State::MetricsOnly),
    ] {
        order(&breaker);
        breaker.suspect();
        assert_eq!(breaker.state(), state, "an order stands");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspicion_does_not_forget_how_often_it_has_opened() {
    let told = Told::default();
    let breaker = builder()
        .open_for([1, 2, 4].map(Duration::from_secs))
        .on_event(told.hear())
        .build()
        .unwrap();
    trip(&breaker);
    secs(1).await;
    calls(&breaker, "++");
    breaker.suspect();
    calls(&breaker, "-");
    assert_eq!(told.open_times(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_how_often_it_has_opened() {
    let told = Told::default();
    let breaker = builder()
        .open_for([1, 2, 4].map(Duration::from_secs))
        .on_event(told.hear())
        .build()
        .unwrap();
    trip(&breaker);
    secs(1).await;
    calls(&breaker, "-");
    breaker.reset();
    trip(&breaker);
    assert_eq!(told.open_times(), [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_sheds_what_a_dead_backend_would_not_have_answered() {
    let breaker = builder().throttle(2.0).build().unwrap();
    assert_eq!(breaker.state(), State::Throttling);
    // A bucket begins, so that the window forgets in the same moments each time.
    let second = Duration::from_secs(1).as_nanos() as u64;
    let rest = second - tower_ready_core::Instant::now().as_nanos() % second;
    support::advance(Duration::from_nanos(rest)).await;
    for _ in 0..10 {
        calls(&breaker, "++++++++++");
        secs(1).await;
    }
    assert_eq!(breaker.snapshot().rejected, 0);
    let mut passed = 0;
    for _ in 0..200 {
        match breaker.try_acquire() {
            Ok(permit) => {
                permit.failure();
                passed += 1;
            }
            Err(rejected) => assert_eq!(rejected.kind(), RejectedKind::Throttled),
        }
        support::advance(Duration::from_millis(100)).await;
    }
    let snapshot = breaker.snapshot();
    assert!((70..140).contains(&passed), "{passed}");
    assert!(snapshot.shed_share > 0.7, "{snapshot:?}");
    assert_eq!(snapshot.rejected, 200 - passed);
}
