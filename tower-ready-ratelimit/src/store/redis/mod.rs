//! Limits that hold across instances, over Redis or Valkey.
//!
//! Without it each instance counts for itself: whoever talks to another one starts anew, and N
//! instances admit N times the quota. With a counter in Redis that is only nearly right, two
//! instances that look at the same time both let pass what only one may; a Redis that hangs makes
//! every request hang; one that is down stops the service, or opens it to all.
//!
//! ```no_run
//! use tower_ready_ratelimit::{Policy, Quota, RateLimiter, Secret, key, store::redis::RedisStore};
//!
//! # async fn example(secret: [u8; 16]) -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::connect("redis://127.0.0.1/").await?;
//! let limiter = RateLimiter::builder()
//!     .policy(Policy::new("caller", Quota::per_second(100)).key(key::Address::peer()))
//!     .secret(Secret::new(secret)) // the same for all instances
//!     .with_store(store)
//!     .build()?;
//! let layer = limiter.layer();
//! # Ok(()) }
//! ```
//!
//! # Rules
//!
//! 1. **Exact** is the default: one Lua script decides by the clock of Redis, for all policies of a
//!    request at once, in one round trip. Either every bucket had enough and all are debited, or
//!    none is. The arithmetic is in whole numbers, so that nothing drifts.
//! 2. Requests of one caller that come while one is on its way share the next trip, which asks for
//!    all of them. What is known to be refused takes no trip until the bucket could have enough, and
//!    for a second at most. Neither lets more pass.
//! 3. **[Leased](Mode::Leased)**: an instance holds units of busy callers and takes them by an atomic.
//!    What is held is missing from the bucket, and the bucket refills only up to its burst less what
//!    is held. So no more passes than in exact mode, whatever messages are late, lost or doubled and
//!    whichever instance dies. Leases are as large as demand, shrink as the bucket empties, last a
//!    second, and are given back when nobody wants them and by [`drain`](RedisStore::drain). A quota
//!    of less than 100 at once or 10 a second is never leased.
//! 4. A decision takes 30 ms at most. After three failures in a row Redis is left alone for a second,
//!    and then one command finds out. Meanwhile each policy does what its
//!    [`OnStoreError`](crate::OnStoreError) says. What is refused for that is a `503`, never a `429`.
//! 5. Redis sees keyed hashes, never names. Keys of one caller have one hash tag.
//! 6. A bucket is the moment at which it is full again, so a swap of a quota hands out no burst, and
//!    a key lives until its bucket is full.
//!
//! # What each mode promises
//!
//! For a quota of `r` a second and `b` at once, N instances, and any window of `t` seconds. A decision
//! counts when Redis made it, or when a leased unit was taken.
//!
//! | | admitted in a window |
//! |---|---|
//! | exact; batched; leased | ≤ `b + r·t` |
//! | an instance is killed, or stopped and resumed | ≤ `b + r·t`; a killed one takes along what it holds |
//! | messages late, lost, doubled, overtaken | ≤ `b + r·t`, if they are answered before the deadline; else as below |
//! | Redis is out, [`Share`](crate::OnStoreError::Share) | ≤ `2·b + N + r·t` with the time before, and with the time after once more `b` |
//! | Redis is out, [`Allow`](crate::OnStoreError::Allow), [`Deny`](crate::OnStoreError::Deny) | everything, nothing |
//! | Redis loses its data: FLUSHALL, a restart without persistence, eviction of the key | ≤ `2·b + r·t`: once more a burst |
//! | failover to a replica that is `d` seconds behind | ≤ `b + r·t` and what was admitted in these `d`, a burst at most |
//! | its clock steps forward by `d` | once more `r·d`, a burst at most, and what is leased just then |
//! | its clock steps back by `d` | buckets do not refill for `d` |
//! | the quota is swapped | by the larger of both |
//!
//! - An instance that never saw a caller hands out its whole share of the burst. Between instances
//!   that did, the switch fills nothing up: in the tests an outage adds a few units, not a burst.
//! - After an outage of shares Redis hears from each instance how far it believes a bucket to be
//!   from full, for a minute. A bucket that was reset meanwhile by another instance may be emptied
//!   again by that.
//! - `maxmemory-policy`: choose `noeviction`, or `volatile-ttl`, which takes the buckets that are
//!   full soonest. With `allkeys-lru` and too little memory an attacker with many names evicts his
//!   own bucket.
//! - Redis Cluster: policies with the same key for a request share a node and are decided by one
//!   script. Others are asked one after the other, and what one took is put back if the next refuses;
//!   for that moment others may be refused. Nothing more passes.
//! - Leases count on clocks that run alike to one part in a hundred, and that go on while a process
//!   is stopped. A machine that sleeps as a whole, as a laptop does, may wake up with up to a
//!   second's worth of leases that Redis has forgotten.
//!
//! # Sizing
//!
//! Estimates, by the lengths of what is kept and the times between trips; measure your own.
//!
//! - Memory in Redis: about 150 bytes for each key that is not full, and in leased mode 250 and 60
//!   for each instance that holds some of it.
//! - Trips: at most one for each caller and instance at a time. Leased: about three a second for each
//!   busy caller and instance; a hundred while its bucket is empty.
//! - Memory here: 24 bytes for each of [`keys`](RedisStoreBuilder::keys) and 64 for each refusal that
//!   is known, taken when the store is made, and some 400 for each caller of whom units are held.
//!
//! # What it costs
//!
//! By `cargo bench -p tower-ready-ratelimit --features redis --bench redis`, in one run, client and
//! server on two busy cores, 64 tasks. Compare the rows with one another only.
//!
//! | | decisions a second | p50 | for each trip |
//! |---|---:|---:|---:|
//! | `INCR`, which decides nothing | 69,000 | 235 µs | 1 |
//! | the least script that does GCRA | 23,000 | 768 µs | 1 |
//! | exact, 1,000 callers | 27,000 | 1,236 µs | 1 |
//! | exact, one caller: batched | 452,000 | 117 µs | 32 |
//! | exact, one caller, refused | 2,700,000 | < 0.1 µs | none |
//! | leased, 1,000 callers | 1,400,000 | < 0.1 µs | 750 |
//! | leased, one caller | 3,000,000 | < 0.1 µs | 850,000 |
//! | tower_governor, in memory | 1,700,000 | 0.1 µs | none |
//!
//! While Redis is killed the slowest request in a hundred that passes takes 0.01 ms, since the breaker
//! is open; while it hangs 0.02 ms, and the first ones take the deadline.
//!
//! # Operation
//!
//! - [`RedisStore::stats`] says how many trips, failures and outages there were, and whether one
//!   lasts; [`Stats::degraded`](crate::Stats::degraded) counts the decisions that were made without
//!   Redis, [`Event::Degraded`](crate::Event::Degraded) and
//!   [`Event::StoreFailed`](crate::Event::StoreFailed) tell of them, and
//!   [`Decision::is_degraded`](crate::Decision::is_degraded) marks them.
//! - `Bucket::level().await` shows the bucket of one caller. The example `redis-keys` of this crate
//!   lists the busiest callers over all instances, by the tags that logs name.
//!
//! # Connections
//!
//! [`RedisClient`] has one server, Sentinels or a cluster behind it, by redis-rs; with the feature
//! `redis-tls` over TLS. Another client is a [`ScriptExecutor`] of two methods.

mod batch;
mod breaker;
mod builder;
mod client;
mod denied;
mod exact;
mod executor;
mod holders;
mod inner;
mod lease;
mod leased;
#[cfg(all(test, not(loom)))]
mod model;
mod scripts;
mod settings;
mod share;
mod stats;
mod tend;
mod ticks;

use std::{fmt, pin::Pin, sync::Arc, task, time::Duration};

use tokio::time;
use tower_ready_core::Instant;

use self::{
    batch::Wish,
    inner::{Inner, skipped},
};
pub use self::{
    builder::RedisStoreBuilder,
    client::RedisClient,
    executor::{ExecuteError, Script, ScriptExecutor},
    settings::Mode,
    stats::RedisStats,
};
use super::{Change, Demand, Reading, Store, StoreError, Taking};
use crate::{ConfigError, ConfigErrorKind, Level, limiter::Bucket};

/// Keeps buckets in Redis, for all instances that share it: see the [module](self).
///
/// It is a handle: clones share everything.
pub struct RedisStore<E = RedisClient>(Arc<Inner<E>>);

/// A decision on its way.
pub struct Trip(Pin<Box<dyn Future<Output = Answer> + Send>>);

type Answer = Result<Vec<Reading>, StoreError>;

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
            return Taking::Trip(Trip(Box::pin(async { Err(skipped()) })));
        }
        let wishes = demands.iter().map(Wish::from);
        let deadline = inner.settings.deadline;
        if is_leased && demands.iter().any(|demand| inner.settings.leases(demand.quota)) {
            let answer = Arc::clone(inner).take_leased(now, wishes.collect());
            return Taking::Trip(Trip(Box::pin(within(deadline, answer))));
        }
        let answer = inner.join(wishes.collect());
        Taking::Trip(Trip(Box::pin(within(deadline, async move {
            let gone = |_| StoreError::new("the runtime is shutting down");
            let (then, readings) = answer.await.map_err(gone)??;
            Ok(readings.into_iter().map(|reading| reading.as_of(then, now)).collect())
        }))))
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

/// An answer, but no later than that.
async fn within(deadline: Duration, answer: impl Future<Output = Answer>) -> Answer {
    match time::timeout(deadline, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::new("Redis did not answer in time")),
    }
}

impl Future for Trip {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<Answer> {
        self.0.as_mut().poll(cx)
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

impl fmt::Debug for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trip(..)")
    }
}
