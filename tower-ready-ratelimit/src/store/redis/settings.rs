//! How a store works.

use std::time::Duration;

use crate::{ConfigError, ConfigErrorKind, MemoryStore, Quota};

/// How instances agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Redis decides about every request. Requests of one caller that come while one is on its way
    /// share the next trip, and what is known to be refused takes none. The default.
    #[default]
    Exact,
    /// Instances hold units of busy callers and decide by themselves. No more passes than in
    /// [`Exact`](Self::Exact); a caller who spreads over instances may be refused while another
    /// instance holds the last units, for less than a lease's life.
    Leased,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) prefix: String,
    pub(super) deadline: Duration,
    pub(super) life: Duration,
    pub(super) instances: Option<u64>,
    pub(super) keys: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            prefix: "tr".to_owned(),
            deadline: Duration::from_millis(30),
            life: Duration::from_secs(1),
            instances: None,
            keys: 65_536,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.');
        let wrong = if !matches!(self.prefix.len(), 1..=64) || !self.prefix.bytes().all(plain) {
            ConfigErrorKind::KeyPrefix
        } else if !(Duration::from_millis(1)..=Duration::from_secs(10)).contains(&self.deadline) {
            ConfigErrorKind::Deadline
        } else if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.life)
            || self.life < 4 * self.deadline
        {
            ConfigErrorKind::Lease
        } else if self.instances == Some(0) {
            ConfigErrorKind::Instances
        } else if !(1..=MemoryStore::MAX_KEYS).contains(&self.keys) {
            ConfigErrorKind::Capacity
        } else {
            return Ok(());
        };
        Err(ConfigError::new(wrong))
    }

    /// Whether units of such a quota are leased: of a small one every unit counts, and it is shared
    /// one by one.
    pub(super) fn leases(&self, quota: &Quota) -> bool {
        const BURST: u64 = 100;
        const RATE: u128 = 10;
        let second = Duration::from_secs(1).as_nanos();
        self.mode == Mode::Leased
            && quota.max_burst() >= BURST
            && u128::from(quota.count()) * second >= RATE * quota.period().as_nanos()
    }
}
