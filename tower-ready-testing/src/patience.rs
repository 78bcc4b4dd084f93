//! A bound on every wait, so that a defect fails a test instead of hanging it.

use std::{
    fmt::Display,
    future::Future,
    pin::pin,
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

/// Far above what any wait takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `future` resolves to, or a panic that names `what` was waited for.
pub(crate) async fn within<F: Future>(what: impl Display, future: F) -> F::Output {
    let mut future = pin!(future);
    tokio::select! {
        biased;
        output = &mut future => output,
        _ = alarm() => panic!("waited {} s of real time for {what}", PATIENCE.as_secs()),
    }
}

/// Resolves after [`PATIENCE`] of real time.
///
/// A timer of tokio would not do: tests pause its clock, and a paused clock jumps to the next
/// timer as soon as the runtime is idle, which it is while a packet crosses the loopback.
async fn alarm() {
    type Alarm = (Instant, oneshot::Sender<()>);
    static CLOCK: OnceLock<mpsc::Sender<Alarm>> = OnceLock::new();

    let clock = CLOCK.get_or_init(|| {
        let (sender, alarms) = mpsc::channel::<Alarm>();
        // All alarms wait equally long, so they are due in the order in which they were set.
        thread::spawn(move || {
            for (due, ring) in alarms {
                while !ring.is_closed() {
                    let left = due.saturating_duration_since(real_now());
                    if left.is_zero() {
                        break;
                    }
                    thread::park_timeout(left);
                }
                let _ = ring.send(());
            }
        });
        sender
    });
    let (ring, rung) = oneshot::channel();
    clock.send((real_now() + PATIENCE, ring)).expect("the alarm thread runs as long as the tests");
    let _ = rung.await;
}

#[expect(clippy::disallowed_methods, reason = "this bound has to ignore a paused clock")]
fn real_now() -> Instant {
    Instant::now()
}
