//! How a store is put together.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{runtime::Handle, time};
use tower_ready_core::Instant;

use super::{
    Mode, RedisStore, ScriptExecutor, batch::Batches, breaker::Breaker, denied::Denied,
    holders::Holders, inner::Inner, scripts::Scripts, settings::Settings, share::Shadow,
    stats::Counters,
};
use crate::{ConfigError, ConfigErrorKind, MemoryStore};

/// Puts a [`RedisStore`] together.
#[derive(Clone, Debug)]
#[must_use = "a builder connects to nothing until it is told to"]
pub struct RedisStoreBuilder {
    settings: Settings,
}

/// So many commands fail in a row, and Redis is not asked for a while.
const FAILURES: u32 = 3;
/// This is the while.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a store waits for its first answer.
const HELLO: Duration = Duration::from_secs(1);

impl RedisStoreBuilder {
    pub(super) fn new() -> Self {
        Self { settings: Settings::default() }
    }

    /// How instances agree. Default: [`Mode::Exact`]. All instances have to use the same: a bucket
    /// that is leased from is another one.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// How long a decision may take. After it the policies decide without Redis, as their
    /// [`OnStoreError`](crate::OnStoreError) says. From a millisecond to ten seconds. Default:
    /// 30 ms.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How many instances share. Default: as many as say so to Redis each second.
    pub fn instances(mut self, instances: u64) -> Self {
        self.settings.instances = Some(instances);
        self
    }

    /// What the names of all keys begin with: letters, digits and `-_:.`. Limiters with the same
    /// prefix and secret share the buckets of policies of the same name. Default: `tr`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// How long units are leased, in [`Mode::Leased`]: at least 100 ms and four times the deadline, at
    /// most a minute. All instances have to use the same. Default: a second.
    pub fn lease(mut self, life: Duration) -> Self {
        self.settings.life = life;
        self
    }

    /// Of how many buckets this instance remembers how they stood, at 24 bytes for each, for the time
    /// when Redis cannot be asked; and how many refusals and leases it knows at most. Default:
    /// 65,536.
    pub fn keys(mut self, keys: usize) -> Self {
        self.settings.keys = keys;
        self
    }

    /// Makes the store, and waits up to a second for Redis.
    ///
    /// That Redis cannot be reached is no error: then the store begins without it.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, or there is no tokio runtime.
    pub async fn connect<E: ScriptExecutor>(
        self,
        executor: E,
    ) -> Result<RedisStore<E>, ConfigError> {
        self.settings.check()?;
        let no_runtime = |_| ConfigError::new(ConfigErrorKind::NoRuntime);
        let runtime = Handle::try_current().map_err(no_runtime)?;
        let settings = self.settings;
        let inner = Arc::new(Inner {
            executor,
            scripts: Scripts::new(),
            node: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
            runtime,
            breaker: Breaker::new(FAILURES, PAUSE),
            batches: Batches::new(),
            denied: Denied::new(settings.keys),
            shadow: Shadow::new(MemoryStore::new(settings.keys)?),
            holders: Holders::new(settings.keys),
            sequence: AtomicU64::new(0),
            instances: AtomicU64::new(settings.instances.unwrap_or(1)),
            splits: AtomicBool::new(false),
            drains: AtomicBool::new(false),
            counters: Counters::default(),
            settings,
        });
        inner.greet().await;
        inner.tend();
        Ok(RedisStore(inner))
    }
}

impl<E: ScriptExecutor> Inner<E> {
    /// Waits until Redis answers, but not for long.
    async fn greet(&self) {
        let until = Instant::now() + HELLO;
        let stays = self.settings.instances.is_none();
        let mut pause = Duration::from_millis(50);
        while Instant::now() < until && !self.breaker.is_open(Instant::now()) {
            self.beat(stays).await;
            if self.breaker.has_succeeded() {
                break;
            }
            time::sleep(pause).await;
            pause *= 6;
        }
        if let Some(instances) = self.settings.instances {
            self.instances.store(instances, Relaxed);
        }
    }
}
