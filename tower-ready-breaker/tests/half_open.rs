//! How a circuit is tried, and that nothing wedges it.

mod support;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use support::{OPEN, Told, advance, breaker, builder, calls, half_open, secs, trip};
use tower_ready_breaker::{Backoff, Breaker, Reason, State};
use tower_ready_core::Outcome;

// 12; `readiness.rs` shows that the inner service is not even asked.
#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_nothing_through() {
    let breaker = breaker();
    trip(&breaker);
    for _ in 0..1_000 {
        assert!(breaker.try_acquire().is_err());
    }
    assert_eq!(breaker.snapshot().rejected, 1_001);
}

// 13
#[tokio::test(start_paused = true)]
async fn it_is_tried_when_its_time_is_over_and_not_before() {
    let breaker = breaker();
    trip(&breaker);
    advance(Duration::from_millis(4_999)).await;
    assert!(breaker.try_acquire().is_err());
    advance(Duration::from_millis(1)).await;
    assert!(breaker.try_acquire().unwrap().is_probe());
}

// 14
#[tokio::test(start_paused = true)]
async fn of_a_hundred_that_wait_for_it_one_goes() {
    let breaker = breaker();
    half_open(&breaker).await;
    let answers: Vec<_> = (0..100).map(|_| breaker.try_acquire()).collect();
    assert_eq!(answers.iter().flatten().count(), 1);
}

// 15
#[tokio::test(start_paused = true)]
async fn a_good_probe_gives_its_slot_back_and_the_second_closes() {
    let breaker = breaker();
    half_open(&breaker).await;
    calls(&breaker, "+");
    assert_eq!(breaker.state(), State::HalfOpen);
    calls(&breaker, "+");
    assert_eq!(breaker.state(), State::Closed);
}

// 16
#[tokio::test(start_paused = true)]
async fn a_bad_probe_opens_it_for_the_next_time() {
    let told = Told::default();
    let breaker =
        builder().open_for([5, 10].map(Duration::from_secs)).on_event(told.hear()).build().unwrap();
    half_open(&breaker).await;
    let probe = breaker.try_acquire().unwrap();
    let generation = breaker.snapshot().generation;
    probe.failure();
    assert_eq!(breaker.snapshot().generation, generation + 1);
    assert_eq!(told.last_opening(), Some((Reason::ProbeFailed, Duration::from_secs(10))));
    secs(9).await;
    assert!(breaker.try_acquire().is_err());
    secs(1).await;
    assert!(breaker.try_acquire().is_ok());
}

// 17
#[tokio::test(start_paused = true)]
async fn a_circuit_that_has_closed_starts_with_nothing() {
    let breaker = breaker();
    half_open(&breaker).await;
    calls(&breaker, "++");
    assert_eq!(breaker.snapshot().window.total(), 0);
    calls(&breaker, "---------");
    assert_eq!(breaker.state(), State::Closed);
}

// 18, 19
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_gives_its_slot_back() {
    let breaker = breaker();
    half_open(&breaker).await;
    for _ in 0..3 {
        drop(breaker.try_acquire().unwrap());
    }
    // A future that was polled, and one that never was.
    let mut hanging = Box::pin(breaker.run(std::future::pending::<Result<(), ()>>()));
    assert!(futures_poll(&mut hanging));
    drop(hanging);
    drop(breaker.run(std::future::pending::<Result<(), ()>>()));
    assert!(breaker.try_acquire().is_ok());
    assert_eq!(breaker.state(), State::HalfOpen);
}

fn futures_poll(future: &mut std::pin::Pin<Box<impl Future>>) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    future.as_mut().poll(&mut cx).is_pending()
}

// 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_whose_task_is_aborted_gives_its_slot_back() {
    let breaker = builder().open_for([Duration::ZERO]).build().unwrap();
    calls(&breaker, "----------");
    let (started, is_started) = tokio::sync::oneshot::channel();
    let task = tokio::spawn({
        let breaker = breaker.clone();
        async move {
            let call = async {
                started.send(()).unwrap();
                std::future::pending::<Result<(), ()>>().await
            };
            breaker.run(call).await
        }
    });
    is_started.await.unwrap();
    assert!(breaker.try_acquire().is_err());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(breaker.try_acquire().unwrap().is_probe());
}

// 21
#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_lost_when_its_lease_is_over() {
    let told = Told::default();
    let breaker = builder()
        .open_for([5, 10].map(Duration::from_secs))
        .probe_lease(Duration::from_secs(30))
        .on_event(told.hear())
        .build()
        .unwrap();
    half_open(&breaker).await;
    let hung = breaker.try_acquire().unwrap();
    secs(29).await;
    assert!(breaker.try_acquire().is_err());
    assert_eq!(breaker.state(), State::HalfOpen);
    secs(1).await;
    assert!(breaker.try_acquire().is_err());
    assert_eq!(told.last_opening(), Some((Reason::ProbeLost, Duration::from_secs(10))));
    hung.success();
    assert_eq!(breaker.state(), State::Open, "its late success says nothing");
    assert_eq!(breaker.snapshot().stale, 1);
}

// 22
#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_is_a_failure() {
    let breaker = breaker();
    half_open(&breaker).await;
    let probe = breaker.try_acquire().unwrap();
    let panicking = AssertUnwindSafe(|| {
        let _probe = probe;
        panic!("on purpose");
    });
    assert!(catch_unwind(panicking).is_err());
    assert_eq!(breaker.state(), State::Open);
}

// 23
#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_leaves_it_half_open() {
    let breaker = breaker();
    half_open(&breaker).await;
    calls(&breaker, "....");
    assert_eq!(breaker.state(), State::HalfOpen);
    calls(&breaker, "++");
    assert_eq!(breaker.state(), State::Closed);
}

// 24
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_good_but_slow_opens_it() {
    let breaker = builder().slow_calls(Duration::from_secs(1), 1.0).build().unwrap();
    half_open(&breaker).await;
    let probe = breaker.try_acquire().unwrap();
    secs(1).await;
    probe.success();
    assert_eq!(breaker.state(), State::Open);
}

// 25
#[tokio::test(start_paused = true)]
async fn a_probe_that_is_sent_away_opens_it_for_as_long_as_it_was_told() {
    let told = Told::default();
    let breaker = builder().on_event(told.hear()).build().unwrap();
    half_open(&breaker).await;
    let wait = Duration::from_secs(20);
    breaker.try_acquire().unwrap().record(Outcome::RateLimited(Some(wait)));
    assert_eq!(told.last_opening(), Some((Reason::ProbeFailed, wait)));
}

// 26, 27, 28
#[tokio::test(start_paused = true)]
async fn calls_from_before_it_opened_change_nothing_when_they_end() {
    let breaker = builder().probes(2).build().unwrap();
    let mut early: Vec<_> = (0..6).map(|_| breaker.try_acquire().unwrap()).collect();
    half_open(&breaker).await;
    let probe = breaker.try_acquire().unwrap();
    for permit in early.drain(..2) {
        permit.success();
    }
    for permit in early.drain(..2) {
        permit.failure();
    }
    drop(early);
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(breaker.snapshot().stale, 6);
    let other = breaker.try_acquire().unwrap();
    assert!(breaker.try_acquire().is_err(), "two slots, no more and no fewer");
    probe.success();
    other.success();
    assert_eq!(breaker.state(), State::Closed);
}

// 29
#[tokio::test(start_paused = true)]
async fn a_probe_of_one_round_says_nothing_in_the_next() {
    let breaker = builder().probes(2).build().unwrap();
    half_open(&breaker).await;
    let late = [(); 2].map(|()| breaker.try_acquire().unwrap());
    let [first, second] = late;
    first.failure();
    advance(OPEN).await;
    let probe = breaker.try_acquire().unwrap();
    second.success();
    assert_eq!(breaker.state(), State::HalfOpen);
    let other = breaker.try_acquire().unwrap();
    assert!(breaker.try_acquire().is_err());
    drop((probe, other));
}

// 30
#[tokio::test(start_paused = true)]
async fn probes_an_hour_apart_close_it_all_the_same() {
    let breaker = breaker();
    half_open(&breaker).await;
    calls(&breaker, "+");
    secs(3_600).await;
    calls(&breaker, "+");
    assert_eq!(breaker.state(), State::Closed);
}

// 31
#[test]
fn two_threads_that_try_it_at_once_make_one_event() {
    for _ in 0..200 {
        let tried = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tried);
        let breaker = builder()
            .open_for([Duration::ZERO])
            .on_event(move |event: &tower_ready_breaker::Event<'_>| {
                if event.change.as_str() == "half_opened" {
                    count.fetch_add(1, SeqCst);
                }
            })
            .build()
            .unwrap();
        calls(&breaker, "----------");
        let barrier = Barrier::new(2);
        let permits = std::thread::scope(|scope| {
            [(); 2]
                .map(|()| {
                    scope.spawn(|| {
                        barrier.wait();
                        breaker.try_acquire().ok()
                    })
                })
                .map(|thread| thread.join().unwrap())
        });
        assert_eq!(permits.iter().flatten().count(), 1);
        assert_eq!(tried.load(SeqCst), 1);
    }
}

// 60
#[tokio::test(start_paused = true)]
async fn open_times_grow_to_the_longest_and_start_over_after_a_quiet_window() {
    let told = Told::default();
    let times = Backoff::exponential(OPEN, Duration::from_secs(300)).jitter(false);
    let breaker = builder().open_for(times).on_event(told.hear()).build().unwrap();
    trip(&breaker);
    for _ in 0..7 {
        let wait = breaker.snapshot().retry_after.unwrap();
        advance(wait).await;
        calls(&breaker, "-");
    }
    assert_eq!(told.open_times(), [5, 10, 20, 40, 80, 160, 300, 300]);

    // It closes, and opens again before a whole window is over: flapping goes on growing.
    let recover = async |breaker: &Breaker| {
        advance(breaker.snapshot().retry_after.unwrap()).await;
        calls(breaker, "++");
        assert_eq!(breaker.state(), State::Closed);
    };
    recover(&breaker).await;
    secs(9).await;
    trip(&breaker);
    assert_eq!(told.open_times().last(), Some(&300));
    recover(&breaker).await;
    secs(10).await;
    trip(&breaker);
    assert_eq!(told.open_times().last(), Some(&5));
}

#[tokio::test(start_paused = true)]
async fn who_runs_out_of_open_times_stays_with_the_last() {
    let told = Told::default();
    let breaker =
        builder().open_for([1, 2].map(Duration::from_secs)).on_event(told.hear()).build().unwrap();
    trip(&breaker);
    for _ in 0..3 {
        advance(breaker.snapshot().retry_after.unwrap()).await;
        calls(&breaker, "-");
    }
    assert_eq!(told.open_times(), [1, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn it_recovers_over_a_while_if_asked_to() {
    let breaker = builder().recover_over(Duration::from_secs(10)).build().unwrap();
    half_open(&breaker).await;
    calls(&breaker, "++");
    assert_eq!(breaker.state(), State::Recovering);
    let mut passed = Vec::new();
    for _ in 0..10 {
        let pass =
            |_: &i32| breaker.try_acquire().map(tower_ready_breaker::Permit::success).is_ok();
        passed.push((0..100).filter(pass).count());
        secs(1).await;
    }
    assert!((8..=12).contains(&passed[0]), "a tenth at first: {passed:?}");
    assert!((88..=94).contains(&passed[9]), "nearly all at last: {passed:?}");
    assert!(passed.is_sorted(), "{passed:?}");
    calls(&breaker, "+");
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().rejected as usize, 1_001 - passed.iter().sum::<usize>());
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_it_recovers_opens_it_again() {
    let breaker = builder().recover_over(Duration::from_secs(10)).build().unwrap();
    half_open(&breaker).await;
    calls(&breaker, "++");
    secs(9).await;
    while breaker.state() == State::Recovering {
        if let Ok(permit) = breaker.try_acquire() {
            permit.failure();
        }
    }
    assert_eq!(breaker.state(), State::Open);
}
