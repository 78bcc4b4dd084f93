use std::{fmt::Display, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{Event, Gate, Lifecycle, Phase, ramp};

/// How often something is tried again that a process needs before it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is for `wait_for_with`"]
pub struct Retry {
    first: Duration,
    most: Duration,
    timeout: Duration,
}

impl Retry {
    /// The pause after the first failure, doubled with each further one. Default: 100 ms.
    pub const fn first(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// The longest pause. Default: 5 s.
    pub const fn most(mut self, pause: Duration) -> Self {
        self.most = pause;
        self
    }

    /// How long one try may take. Default: 5 s.
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// The pause after this many failures, from half of it to the whole, so that instances that
    /// start together do not ask together.
    fn pause(&self, failures: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.most).mul_f64(0.5 + chance / 2.0)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            most: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Lifecycle {
    /// A [gate](Self::gate) that opens when this succeeds, which is tried again until it does: a
    /// database that has to be there, a migration that another instance may be at.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn wait_for<F, R, E>(&self, name: impl Into<String>, attempt: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.wait_for_with(Retry::default(), name, attempt);
    }

    /// The same with pauses of your own.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn wait_for_with<F, R, E>(&self, retry: Retry, name: impl Into<String>, attempt: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let gate = self.gate(name);
        let lifecycle = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = lifecycle.draining() => {}
                () = try_until_open(&lifecycle, &retry, gate, attempt) => {}
            }
        });
    }
}

async fn try_until_open<F, R, E>(lifecycle: &Lifecycle, retry: &Retry, gate: Gate, mut attempt: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<(), E>>,
    E: Display,
{
    for failures in 1.. {
        let error = match timeout(retry.timeout, attempt()).await {
            Ok(Ok(())) => return gate.open(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", retry.timeout),
        };
        if lifecycle.phase() == Phase::Starting {
            let (name, error) = (gate.name(), error.as_str());
            lifecycle.0.tell(&Event::GateWaits { name, attempt: failures, error });
        }
        sleep(retry.pause(failures, ramp::chance())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry::default();
        let pauses = [1, 2, 3, 6, 7, 100, u32::MAX].map(|failures| retry.pause(failures, 1.0));
        let millis = pauses.map(|pause| pause.as_millis());
        assert_eq!(millis, [100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
        assert_eq!(retry.pause(1, 0.0), Duration::from_millis(50));
    }
}
