use std::{borrow::Cow, io, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::health::Check;

/// Long enough for a blocked worker to show, short enough for any timeout.
const NAP: Duration = Duration::from_millis(20);

impl Check {
    /// That the runtime wakes a task in time: at most `lag` late.
    ///
    /// It fails where handlers block the threads of the runtime, and where there is more work than
    /// processor. Such an instance should get fewer requests, not a restart, so this belongs here
    /// and not into liveness.
    pub fn event_loop(name: impl Into<Cow<'static, str>>, lag: Duration) -> Self {
        Self::new(name, move || nap(lag))
    }
}

async fn nap(lag: Duration) -> io::Result<()> {
    let due = Instant::now() + NAP;
    sleep_until(due).await;
    let late = due.elapsed();
    if late > lag {
        return Err(io::Error::other(format!("woken {late:?} late")));
    }
    Ok(())
}
