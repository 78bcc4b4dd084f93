//! The task that runs one check over and over.

use std::{
    any::Any,
    fmt::Write as _,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Check,
    board::Board,
    check::{BoxError, Look},
    damper::Damper,
    slot::Last,
};

/// The longest text of an error that is kept.
const MAX_ERROR: usize = 256;

/// When a check runs and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    interval: Duration,
    timeout: Duration,
}

impl Schedule {
    pub(super) const fn of(check: &Check) -> Self {
        Self { interval: check.interval, timeout: check.timeout }
    }
}

/// One run after another, so that there are never two at once.
///
/// The pause is counted from start to start: a hung check takes its timeout each time, and would
/// else be noticed later than interval × fall + timeout.
pub(super) async fn refresh(
    board: Arc<Board>,
    index: usize,
    look: Look,
    schedule: Schedule,
    mut damper: Damper,
) {
    let mut due = Instant::now();
    loop {
        sleep_until(due).await;
        let started = Instant::now();
        let outcome = timeout(schedule.timeout, caught(&look)).await;
        let took = started.elapsed();
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(format!("no result within {:?}", schedule.timeout)),
        };
        board.record(index, &mut damper, Last { error, took, at: Some(SystemTime::now()) });
        due = started + jittered(schedule.interval);
    }
}

/// Runs a check once. One that panics has failed, and is run again like any other.
async fn caught(look: &Look) -> Result<(), String> {
    let start = catch_unwind(AssertUnwindSafe(|| look()));
    let mut looking = start.map_err(|panic| panicked(&*panic))?;
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| looking.as_mut().poll(cx))) {
        Ok(poll) => poll.map_err(|error| describe(&error)),
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    clean(&format!("the check panicked: {}", text.unwrap_or("no message")))
}

/// The error and what caused it, on one line of bounded length.
fn describe(error: &BoxError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source
        && text.len() < MAX_ERROR
    {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    clean(&text)
}

fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut cleaned: String = text.chars().map(plain).take(MAX_ERROR).collect();
    if cleaned.is_empty() {
        cleaned.push_str("it failed without a word");
    }
    cleaned
}

/// Up to a tenth less, never more: what dies has to be noticed in time.
fn jittered(interval: Duration) -> Duration {
    // What `std` seeds its maps with is random enough for jitter, and needs no crate.
    let random = RandomState::new().hash_one(0_u8) >> 11;
    let unit = random as f64 / (1_u64 << 53) as f64;
    interval - interval.mul_f64(unit / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_shortens_and_by_a_tenth_at_most() {
        let interval = Duration::from_secs(10);
        let draws: Vec<_> = (0..1_000).map(|_| jittered(interval)).collect();
        assert!(draws.iter().all(|draw| (interval * 9 / 10..=interval).contains(draw)));
        let spread = draws.iter().filter(|draw| **draw < interval * 19 / 20).count();
        assert!((300..700).contains(&spread), "{spread}");
    }

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("no\r\nconnection")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error: BoxError = Box::new(Outer(std::io::Error::other("refused")));
        assert_eq!(describe(&error), "no  connection: refused");
        let long: BoxError = "\u{e9}".repeat(1_000).into();
        assert_eq!(describe(&long).chars().count(), MAX_ERROR);
        assert!(!describe(&BoxError::from("")).is_empty());
    }
}
