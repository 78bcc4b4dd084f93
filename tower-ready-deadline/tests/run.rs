//! `deadline.run(…)`, with the clock stopped.

use std::{error::Error, io, sync::Arc, time::Duration};

use tokio::time::sleep;
use tower_ready_core::{Deadline, Instant};
use tower_ready_deadline::{DeadlineExt, Reason, current};

fn after(millis: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_millis(millis))
}

#[tokio::test(start_paused = true)]
async fn work_in_time_is_done_and_work_that_takes_longer_is_dropped() {
    let deadline = after(100);
    let started = Instant::now();
    let done = deadline.run(async {
        sleep(Duration::from_millis(60)).await;
        4711
    });
    assert_eq!(done.await.unwrap(), 4711);
    assert_eq!(deadline.left().as_millis(), 40);

    let held = Arc::new(());
    let watched = Arc::downgrade(&held);
    let expired = deadline.run(async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    let mut expired = std::pin::pin!(expired);
    assert_eq!(expired.as_mut().await.unwrap_err().reason(), Reason::Deadline);
    assert!(watched.upgrade().is_none(), "it was dropped, though its future lives");
    assert!((100..=102).contains(&Instant::now().since(started).as_millis()));
    assert!(deadline.is_over());
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_is_taken_even_if_it_is_late() {
    let deadline = after(0);
    assert!(deadline.is_over());
    assert_eq!(deadline.run(async { "done" }).await.unwrap(), "done");
    assert!(deadline.run(std::future::pending::<()>()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn inside_of_it_it_is_the_current_deadline_unless_that_is_earlier() {
    let (long, short) = (after(1_000), after(10));
    let inside = short.run(async move { long.run(async { current() }).await.unwrap() });
    assert_eq!(inside.await.unwrap(), Some(short));
    let inside = long.run(async move { short.run(async { current() }).await.unwrap() });
    assert_eq!(inside.await.unwrap(), Some(short));
    assert_eq!(current(), None);
    let spawned = long.run(async { tokio::spawn(async { current() }).await.unwrap() });
    assert_eq!(spawned.await.unwrap(), None, "a task of its own has no deadline");
}

#[tokio::test(start_paused = true)]
async fn its_error_says_that_it_is_a_timeout_to_whoever_knows_timeouts() {
    let expired = after(1).run(std::future::pending::<()>()).await.unwrap_err();
    let source = expired.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::TimedOut);
}
