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
//!    second, and are given back when nobody wants them and by [`drain`](RedisStore::drain). What is
//!    spent and not yet reported keeps a full bucket from refilling; so all instances together hold
//!    ahead no more than it lacks anyway, or a hundredth of what it gives in five seconds. A quota of
//!    less than 100 at once or 10 a second is never leased.
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
//! | Redis loses its data: FLUSHALL, a restart without persistence, eviction of the key | ≤ `2·b + r·t`: once more a burst, each time |
//! | failover, by Sentinels or in a cluster, to a replica that is `d` seconds behind | ≤ `b + r·t` and what was admitted or leased in these `d`, a burst at most |
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
//!   own bucket, for a burst each time. A Redis that is full and may not evict forgets nobody and
//!   refuses what is new, which is an outage for those callers; now and then one does that which may.
//! - Redis Cluster: policies with the same key for a request share a node and are decided by one
//!   script. Others are asked one after the other, and what one took is put back if the next refuses;
//!   for that moment others may be refused. Nothing more passes.
//! - Leases count on clocks that run alike to one part in a hundred, and that go on while a process
//!   is stopped. A machine that sleeps as a whole, as a laptop does, may wake up with up to a
//!   second's worth of leases that Redis has forgotten.
//!
//! # Sizing
//!
//! Measured by the bench below with `-- sizes` and `-- utilisation`, on Redis 7.0 with 64 bits.
//!
//! - Memory in Redis, by what `used_memory` grows for 10,000 callers whose buckets are not full: 260
//!   bytes for each, 294 where a unit takes no whole number of microseconds (`MEMORY USAGE`, which
//!   leaves out the tables, says 88 and 120). Leased: 342, 372 and 479 while 1, 2 and 4 instances hold
//!   some of it.
//! - Trips: at most one for each caller and instance at a time. Leased, with 5,000 a second and at
//!   once on four instances: 15 a second for each instance when 3,000 are asked for, and 40 to 46 when
//!   10,000 to 100,000 are. While a bucket is empty 50 at most, if it takes a second to fill.
//! - Memory here: 24 bytes for each of [`keys`](RedisStoreBuilder::keys) and 64 for each refusal that
//!   is known, taken when the store is made, and some 400 for each caller of whom units are held.
//!
//! # What it costs
//!
//! By `cargo bench -p tower-ready-ratelimit --features redis --bench redis`, in one run, client and
//! server on two cores that other programs use too, 64 tasks. Compare the rows with one another only.
//!
//! | | decisions a second | p50 | for each trip |
//! |---|---:|---:|---:|
//! | `INCR`, which decides nothing | 258,000 | 218 µs | 1 |
//! | a window that expires, by the least script | 82,000 | 709 µs | 1 |
//! | GCRA, by the least script | 54,000 | 1,101 µs | 1 |
//! | exact, 1,000 callers | 47,000 | 1,242 µs | 1 |
//! | exact, one caller: batched | 293,000 | 199 µs | 32 |
//! | exact, one caller, refused | 5,600,000 | < 0.1 µs | none |
//! | leased, 1,000 callers | 4,000,000 | < 0.1 µs | 1,700 |
//! | leased, one caller | 5,400,000 | < 0.1 µs | 350,000 |
//! | tower_governor, in memory | 3,700,000 | 0.1 µs | none |
//!
//! With four instances, 5,000 a second and 5,000 at once, for five seconds from a full bucket:
//!
//! | asked for | exact admits | leased admits | leased, for each trip |
//! |---|---:|---:|---:|
//! | 3,000 a second | 14,995 | 14,999 | 48 |
//! | 10,000 a second | 29,980 | 29,866 | 58 |
//! | 20,000 a second | 29,978 | 29,926 | 106 |
//! | 100,000 a second | 29,297 | 29,926 | 624 |
//!
//! While Redis is killed the slowest request in a hundred that passes takes 0.02 ms, since the breaker
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
mod store;
mod tend;
mod terms;
mod ticks;
mod trip;

pub use self::{
    builder::RedisStoreBuilder,
    client::RedisClient,
    executor::{ExecuteError, Script, ScriptExecutor},
    settings::Mode,
    stats::RedisStats,
    store::RedisStore,
    trip::Trip,
};
