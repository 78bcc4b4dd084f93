//! The handle, and how it decides.

use std::{fmt, sync::Arc};

use tower_ready_core::Instant;

use super::{
    Mode, RedisClient, RedisStats, RedisStoreBuilder, ScriptExecutor, Trip,
    batch::Wish,
    inner::{Inner, skipped},
    scripts,
};
use crate::{
    ConfigError, ConfigErrorKind, Level,
    limiter::Bucket,
    store::{Change, Demand, Reading, Store, StoreError, Taking},
};

/// Keeps buckets in Redis, for all instances that share it: see the [module](super).
///
/// It is a handle: clones share everything.
pub struct RedisStore<E = RedisClient>(pub(super) Arc<Inner<E>>);

impl RedisStore {
    /// A store with the defaults on one server: `redis://host:port/`.
    ///
    /// # Errors
    ///
    /// When the URL is none, or there is no tokio runtime.
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        let client =
            RedisClient::server(url).map_err(|_| ConfigError::new(ConfigErrorKind::RedisUrl))?;
        Self::builder().connect(client).await
    }

    /// Starts from the defaults: exact, 30 ms for a decision, instances counted by Redis.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::new()
    }
}

impl<E: ScriptExecutor> RedisStore<E> {
    /// What this store has done, and how it stands.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        RedisStats {
            is_out: self.0.breaker.is_open(Instant::now()),
            instances: self.0.instances(),
            ..self.0.counters.read()
        }
    }

    /// Gives back what this instance holds, and leases nothing from now on. Call it when the last
    /// requests are being served. Requests are decided as in exact mode from then on.
    pub async fn drain(&self) {
        self.0.drain().await;
    }

    /// A bucket as it stands. What is leased from it counts as taken.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked.
    pub async fn peek(&self, demand: &Demand<'_>) -> Result<Level, StoreError> {
        let wish = Wish::from(demand);
        let now = Instant::now();
        let (then, reading) = self.0.adjust(&wish, None).await?;
        Ok(reading.as_of(then, now).level(now, &wish.demand()))
    }

    /// The name that a bucket has in Redis.
    #[must_use]
    pub fn name(&self, demand: &Demand<'_>) -> String {
        let leased = self.0.settings.leases(demand.quota);
        let name = scripts::key(&self.0.settings.prefix, demand.key, leased);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// A refusal that is known.
    fn take_known(&self, now: Instant, demands: &[Demand<'_>], readings: &mut [Reading]) -> bool {
        let mut is_known = false;
        for (demand, reading) in demands.iter().zip(readings) {
            *reading = match self.0.denied.look(now, demand) {
                Some(refused) => {
                    is_known = true;
                    refused
                }
                None => Reading { full: now.into(), enough: true },
            };
        }
        is_known
    }
}

impl<E: ScriptExecutor> Bucket<RedisStore<E>> {
    /// How the bucket stands now, under the policy's own quota. Nothing is taken, and what is leased
    /// counts as taken.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked.
    pub async fn level(&self) -> Result<Level, StoreError> {
        let quota = self.quota();
        self.store().peek(&self.demand(&quota, 0)).await
    }

    /// The name of the bucket in Redis.
    #[must_use]
    pub fn name(&self) -> String {
        let quota = self.quota();
        self.store().name(&self.demand(&quota, 0))
    }
}

impl<E: ScriptExecutor> Store for RedisStore<E> {
    type Trip = Trip;

    fn take(&self, now: Instant, demands: &[Demand<'_>], readings: &mut [Reading]) -> Taking<Trip> {
        let inner = &self.0;
        inner.counters.decisions.add_one();
        let is_leased = inner.settings.mode == Mode::Leased;
        if is_leased && inner.take_held(now, demands, readings) {
            inner.counters.held.add_one();
            return Taking::Done(true);
        }
        if self.take_known(now, demands, readings) {
            inner.counters.known.add_one();
            return Taking::Done(false);
        }
        if demands.is_empty() {
            return Taking::Done(true);
        }
        if inner.breaker.is_open(now) {
            inner.counters.skipped.add_one();
            return Taking::Trip(Trip::new(async { Err(skipped()) }));
        }
        let wishes = demands.iter().map(Wish::from);
        let deadline = inner.settings.deadline;
        if is_leased && demands.iter().any(|demand| inner.settings.leases(demand.quota)) {
            let answer = Arc::clone(inner).take_leased(now, wishes.collect());
            return Taking::Trip(Trip::within(deadline, answer));
        }
        let answer = inner.join(wishes.collect());
        Taking::Trip(Trip::within(deadline, async move {
            let gone = |_| StoreError::new("the runtime is shutting down");
            let (then, readings) = answer.await.map_err(gone)??;
            Ok(readings.into_iter().map(|reading| reading.as_of(then, now)).collect())
        }))
    }

    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change) {
        let inner = Arc::clone(&self.0);
        if change != Change::Charge {
            inner.denied.forget(demand.key);
        }
        if change == Change::Reset {
            inner.shadow.forget(now, demand);
        }
        let wish = Wish::from(demand);
        self.0.spawn(async move {
            // Nobody waits for it, and failures are counted.
            let _ = inner.adjust(&wish, Some(change)).await;
        });
    }

    fn share(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Option<bool> {
        Some(self.0.shadow.take(now, demands, readings, self.0.instances()))
    }
}

impl<E> Clone for RedisStore<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for RedisStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
