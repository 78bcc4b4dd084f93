//! A store that answers later, as one beyond a socket does, on every host.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
};

use http::StatusCode;
use tower_ready_core::Instant;
use tower_ready_ratelimit::{
    MemoryStore, OnStoreError, Policy, Quota, RateLimiter, Secret,
    store::{Change, Demand, Reading, Store, StoreError, Taking},
};
use tower_ready_testing::{Call, contract, each_host};

/// Buckets in memory, but each answer takes a trip, or fails.
struct Distant {
    near: MemoryStore,
    fails: Arc<AtomicBool>,
}

impl Store for Distant {
    type Trip = Pin<Box<dyn Future<Output = Result<Vec<Reading>, StoreError>> + Send>>;

    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip> {
        let fails = self.fails.load(Relaxed);
        if !fails {
            let _ = self.near.take(now, demands, readings);
        }
        let answer = readings.to_vec();
        Taking::Trip(Box::pin(async move {
            // Tokio's own yield wakes by way of the runtime, which the contract does without.
            let mut travelled = false;
            poll_fn(|cx| {
                if mem::replace(&mut travelled, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            if fails { Err(StoreError::new("the wire is cut")) } else { Ok(answer) }
        }))
    }

    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change) {
        self.near.adjust(now, demand, change);
    }
}

fn limiter(count: u64) -> (RateLimiter<Distant>, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let store = Distant { near: MemoryStore::new(100).unwrap(), fails: Arc::clone(&fails) };
    let builder = RateLimiter::builder().with_store(store).secret(Secret::random());
    let builder = builder
        .policy(Policy::new("all", Quota::per_hour(count)))
        .policy(Policy::concurrent("calls", 100));
    (builder.build().unwrap(), fails)
}

each_host! {
    async fn a_decision_may_take_a_trip(host) {
        let (limiter, fails) = limiter(2);
        let server = host.serve(limiter.layer()).await;
        for left in [1, 0] {
            let reply = server.call(Call::ok()).await;
            reply.assert_ok();
            assert!(reply.header("ratelimit").unwrap().starts_with(&format!(r#""all";r={left};"#)));
        }
        server.call(Call::ok()).await.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        assert_eq!(server.probe().hits(), 2);

        fails.store(true, Relaxed);
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        assert_eq!(server.probe().hits(), 2, "a failed store lets nothing pass by itself");
        assert_eq!(limiter.bucket("calls", |_| {}).unwrap().in_flight(), 0);
    }
}

each_host! {
    async fn without_its_store_a_limiter_does_what_each_policy_says(host) {
        let fails = Arc::new(AtomicBool::new(true));
        for (choices, passes) in [
            (&[OnStoreError::Allow][..], true),
            (&[OnStoreError::Deny], false),
            (&[OnStoreError::Allow, OnStoreError::Deny], false),
            // This store knows no shares.
            (&[OnStoreError::Share], false),
        ] {
            let store = Distant { near: MemoryStore::new(100).unwrap(), fails: Arc::clone(&fails) };
            let mut builder = RateLimiter::builder().with_store(store).secret(Secret::random());
            for (choice, name) in choices.iter().zip(["one", "other"]) {
                let policy = Policy::new(name, Quota::per_hour(1));
                builder = builder.policy(policy.on_store_error(*choice));
            }
            let limiter = builder.build().unwrap();
            let server = host.serve(limiter.layer()).await;
            for _ in 0..2 {
                let reply = server.call(Call::ok()).await;
                if passes {
                    reply.assert_ok();
                } else {
                    reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
                }
            }
            let stats = limiter.stats("one").unwrap();
            assert_eq!(stats.degraded, 2);
            assert_eq!((stats.allowed, stats.refused), if passes { (2, 0) } else { (0, 2) });
        }
    }

    async fn a_policy_in_shadow_mode_takes_trips_too(host) {
        let fails = Arc::new(AtomicBool::new(false));
        let store = Distant { near: MemoryStore::new(100).unwrap(), fails };
        let limiter = RateLimiter::builder()
            .with_store(store)
            .secret(Secret::random())
            .policy(Policy::new("all", Quota::per_hour(10)))
            .policy(Policy::new("shadow", Quota::per_hour(1)).shadow(true))
            .build()
            .unwrap();
        let server = host.serve(limiter.layer()).await;
        for _ in 0..3 {
            server.call(Call::ok()).await.assert_ok();
        }
        let stats = limiter.stats("shadow").unwrap();
        assert_eq!((stats.allowed, stats.would_refuse), (1, 2));
    }
}

#[tokio::test]
async fn a_trip_keeps_the_contract_of_layers() {
    contract::check(|| limiter(1_000).0.layer()).await;
}
