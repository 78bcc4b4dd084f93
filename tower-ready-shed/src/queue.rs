use std::time::Duration;

use crate::{ConfigError, ConfigErrorKind, line::Rule};

/// How requests wait for a slot.
///
/// A queue is for bursts. One that never gets empty only makes everybody's answer late, so when it
/// has stood for a while it is taken for an [`overload`](Self::overload): then the newest goes
/// first, and nobody waits for long.
#[derive(Clone, Copy, Debug)]
#[must_use = "a queue is for a bulkhead's builder"]
pub struct Queue(Rule);

impl Queue {
    /// Lets this many wait, each for this long at most, and no longer than its deadline.
    pub const fn new(length: usize, max_wait: Duration) -> Self {
        Self(Rule {
            length,
            max_wait,
            standing: Duration::from_millis(100),
            short_wait: Duration::from_millis(5),
        })
    }

    /// For how long the queue may not have been empty before that is an overload, and how long
    /// those may wait that come then. Default: 100 ms, and 5 ms.
    pub const fn overload(mut self, standing: Duration, max_wait: Duration) -> Self {
        self.0.standing = standing;
        self.0.short_wait = max_wait;
        self
    }

    pub(crate) fn checked(self) -> Result<Rule, ConfigError> {
        let Self(rule) = self;
        if rule.length == 0 || rule.length > u32::MAX as usize / 2 {
            Err(ConfigError::new(ConfigErrorKind::QueueLength))
        } else if rule.max_wait.is_zero() {
            Err(ConfigError::new(ConfigErrorKind::MaxWait))
        } else {
            // Nobody is to wait longer because there is more to do.
            let short_wait = rule.short_wait.min(rule.max_wait);
            Ok(Rule { short_wait, ..rule })
        }
    }
}
