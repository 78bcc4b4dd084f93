//! Stores, and how they are asked.

use std::time::Duration;

use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    KeyHash, Quota, Secret,
    store::{
        Demand, Reading, Store, StoreError, Taking,
        redis::{Mode, RedisClient, RedisStore, RedisStoreBuilder},
    },
};
use tower_ready_testing::redis::Redis;

pub(crate) const SECRET: Secret = Secret::new(*b"sixteen bytes ok");

/// Patient enough for a machine that does many other things.
pub(crate) fn patient() -> RedisStoreBuilder {
    RedisStore::builder().deadline(Duration::from_secs(5)).lease(Duration::from_secs(20))
}

pub(crate) async fn connect(redis: &Redis, builder: RedisStoreBuilder) -> RedisStore {
    builder.connect(RedisClient::server(redis.url()).unwrap()).await.unwrap()
}

/// A store that has found Redis, however long that takes.
pub(crate) async fn reach(builder: RedisStoreBuilder, client: RedisClient) -> RedisStore {
    let store = builder.connect(client).await.unwrap();
    for _ in 0..3_000 {
        if store.peek(&Demand::new(number(1), &LEASABLE)).await.is_ok() {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", store.stats());
}

/// What a store says of a set.
pub(crate) async fn take(
    store: &RedisStore,
    demands: &[Demand<'_>],
) -> Result<(bool, Vec<Reading>), StoreError> {
    take_at(store, Instant::now(), demands).await
}

pub(crate) async fn take_at(
    store: &RedisStore,
    now: Instant,
    demands: &[Demand<'_>],
) -> Result<(bool, Vec<Reading>), StoreError> {
    let mut readings = vec![Reading::default(); demands.len()];
    match store.take(now, demands, &mut readings) {
        Taking::Done(taken) => Ok((taken, readings)),
        Taking::Trip(trip) => {
            let readings = trip.await?;
            Ok((readings.iter().all(Reading::had_enough), readings))
        }
    }
}

pub(crate) async fn passes(store: &RedisStore, demand: Demand<'_>) -> bool {
    take(store, &[demand]).await.unwrap().0
}

/// How many of so many requests in a row pass.
pub(crate) async fn passing(store: &RedisStore, demand: Demand<'_>, requests: u64) -> u64 {
    let mut passing = 0;
    for _ in 0..requests {
        passing += u64::from(passes(store, demand).await);
    }
    passing
}

/// A caller.
pub(crate) fn number(number: u128) -> KeyHash {
    KeyHash::from_bits(number << 64 | number)
}

/// Large enough to be leased, and of so low a rate that little comes back in the time of a test.
pub(crate) const LEASABLE: Quota = Quota::per_second(10).burst(1_000);

/// What comes back of it since a moment, rounded up.
pub(crate) fn refilled(since: Instant) -> u64 {
    let seconds = Instant::now().since(since).as_secs_f64();
    (seconds * LEASABLE.count() as f64) as u64 + 1
}

/// By whatever connection: a quota holds, and is shared by two instances.
pub(crate) async fn decides(mode: Mode, client: impl Fn() -> RedisClient) {
    let one = reach(patient().mode(mode), client()).await;
    let two = reach(patient().mode(mode), client()).await;
    let failures = two.stats().failures;
    // On all nodes, if there are several.
    for caller in 1..=20 {
        let quota = Quota::per_hour(5);
        let demand = Demand::new(number(caller), &quota);
        assert_eq!(passing(&one, demand, 3).await, 3);
        assert_eq!(passing(&two, demand, 3).await, 2);
    }
    let begin = Instant::now();
    let demand = Demand::new(number(21), &LEASABLE);
    let mut admitted = passing(&one, demand, 500).await;
    assert_eq!(admitted, 500);
    one.drain().await;
    admitted += passing(&two, demand, 2_000).await;
    let most = 1_000 + refilled(begin);
    assert!((1_000..=most).contains(&admitted), "{mode:?}: {admitted} of {most}");
    let stats = two.stats();
    assert_eq!(mode == Mode::Leased, stats.held > 0, "{stats:?}");
    assert_eq!(stats.failures, failures, "{stats:?}");
}

/// Takes from a bucket, loses what the replica is not told of, and goes on where that one stands.
pub(crate) struct Failover {
    mode: Mode,
    store: RedisStore,
    caller: KeyHash,
    begin: Instant,
    admitted: u64,
    /// What the bucket had when the replica was last told.
    known: u64,
    lost: u64,
}

impl Failover {
    pub(crate) async fn of(mode: Mode, client: RedisClient, caller: KeyHash) -> Self {
        let store = reach(patient().mode(mode), client).await;
        let begin = Instant::now();
        let admitted = passing(&store, Demand::new(caller, &LEASABLE), 300).await;
        assert_eq!(admitted, 300);
        // Before the replica is cut off, since messages may be under way that it will not hear of.
        let known = store.peek(&Demand::new(caller, &LEASABLE)).await.unwrap().remaining();
        Self { mode, store, caller, begin, admitted, known, lost: 0 }
    }

    /// What is taken now the replica does not hear of. What is leased counts as taken.
    pub(crate) async fn lose(&mut self) {
        let demand = Demand::new(self.caller, &LEASABLE);
        self.admitted += passing(&self.store, demand, 400).await;
        // The second look comes after whatever the last of them asked for ahead.
        self.store.peek(&demand).await.unwrap();
        let after = self.store.peek(&demand).await.unwrap().remaining();
        self.lost = (self.known + refilled(self.begin)).saturating_sub(after);
        assert!(self.lost > 0);
    }

    /// The replica was promoted.
    pub(crate) async fn go_on(mut self, flush: impl FnOnce()) {
        let demand = Demand::new(self.caller, &LEASABLE);
        self.until_it_answers(demand).await;
        let reloads = self.store.stats().reloads;
        flush();
        // Nothing is known of this one, so Redis is asked, by a script that it has forgotten.
        let other = Demand::new(KeyHash::from_bits(self.caller.to_bits() + 1), &LEASABLE);
        assert!(passes(&self.store, other).await);
        assert!(self.store.stats().reloads > reloads, "{:?}", self.store.stats());
        self.admitted += passing(&self.store, demand, 2_000).await;
        let most = 1_000 + self.lost + refilled(self.begin);
        let (mode, admitted) = (self.mode, self.admitted);
        assert!(admitted <= most, "{mode:?}: {admitted} of {most}, {} lost", self.lost);
        assert!(admitted >= 990, "{mode:?}: {admitted}");
    }

    async fn until_it_answers(&mut self, demand: Demand<'_>) {
        for _ in 0..3_000 {
            if let Ok((taken, _)) = take(&self.store, &[demand]).await {
                self.admitted += u64::from(taken);
                // Not by what is held.
                if self.store.peek(&demand).await.is_ok() {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", self.store.stats());
    }
}
