//! How much callers may ask, and how much the service can take.

use std::{
    net::SocketAddr, sync::Arc, sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Duration,
};

use axum::{
    Router,
    routing::{get as on_get, get_service},
};
use http::{HeaderName, Method};
use tokio::sync::Semaphore;
use tower_ready_obs::Metrics;
use tower_ready_ratelimit::{
    Head, OnStoreError, Policy, Quota, RateLimiter, Secret,
    key::{self, Address},
    store::redis::{RedisClient, RedisStore},
};
use tower_ready_shed::{Bulkhead, Queue};
use tower_ready_testing::redis::Redis;

use crate::{
    client::{Answer, call, get},
    finding::{comes_true, finding, finding_in_time, holds},
    server::PATIENCE,
    service::{handlers, serve},
};

const CALLER: HeaderName = HeaderName::from_static("x-caller");

/// By which instances agree on what they call a caller.
const SECRET: Secret = Secret::new(*b"the same for all");

fn hourly(name: &'static str, count: u64) -> Policy {
    Policy::new(name, Quota::per_hour(count)).key(key::header(CALLER))
}

fn limited(policy: Policy) -> Router {
    handlers().layer(RateLimiter::builder().keys(1_000).policy(policy).build().unwrap().layer())
}

async fn ask(server: SocketAddr, caller: &str, path: &str) -> Answer {
    call(server, Method::GET, path).header("x-caller", caller).send().await
}

/// How many of these pass.
async fn passed(server: SocketAddr, caller: &str, path: &str, requests: usize) -> usize {
    let mut passed = 0;
    for _ in 0..requests {
        passed += usize::from(ask(server, caller, path).await.status == 200);
    }
    passed
}

#[tokio::test]
async fn one_caller_takes_all() {
    let protected = serve(limited(hourly("caller", 5))).await;
    finding(serve(handlers()).await, protected, async |server| {
        let greedy = passed(server, "mallory", "/orders/7", 20).await;
        assert_eq!(passed(server, "alice", "/orders/7", 1).await, 1);
        holds(greedy == 5, format!("{greedy} of 20 requests of one caller pass"))
    })
    .await;
}

#[tokio::test]
async fn the_address_is_what_a_header_says() {
    let by_header = key::header(HeaderName::from_static("x-forwarded-for"));
    let unprotected = Policy::new("address", Quota::per_hour(5)).key(by_header);
    let protected = Policy::new("address", Quota::per_hour(5)).key(Address::peer().axum());
    let (unprotected, protected) =
        (serve(limited(unprotected)).await, serve(limited(protected)).await);
    finding(unprotected, protected, async |server| {
        let mut passed = 0;
        for n in 0..20 {
            let call =
                call(server, Method::GET, "/").header("x-forwarded-for", &format!("192.0.2.{n}"));
            passed += usize::from(call.send().await.status == 200);
        }
        holds(passed == 5, format!("who makes up addresses has no limit: {passed} of 20 pass"))
    })
    .await;
}

#[tokio::test]
async fn no_limits_by_endpoint_user_tenant_and_plan() {
    fn tenant(head: &Head<'_>, key: &mut key::KeyBuf) -> key::Found {
        let Some(caller) = head.headers().get(CALLER) else { return key::Found::Missing };
        key.put(caller.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default());
        key::Found::Key
    }
    let gold = |head: &Head<'_>| {
        let is_gold = head.headers().get(CALLER)?.as_bytes().starts_with(b"gold/");
        is_gold.then(|| Quota::per_hour(8))
    };
    let limiter = RateLimiter::builder()
        .policy(hourly("user", 4).plans(gold))
        .policy(Policy::new("tenant", Quota::per_hour(10)).key(tenant))
        .policy(hourly("report", 1).when(|head| head.uri().path() == "/admin/report"));
    let protected = serve(handlers().layer(limiter.build().unwrap().layer())).await;
    finding(serve(handlers()).await, protected, async |server| {
        let report = passed(server, "other/eve", "/admin/report", 2).await;
        holds(report == 1, "a route that costs more has no limit of its own")?;
        let user = passed(server, "basic/alice", "/", 20).await;
        holds(user == 4, format!("{user} of 20 requests of one user pass"))?;
        let plan = passed(server, "gold/bob", "/", 20).await;
        holds(plan == 8, format!("who paid for 8 gets {plan}"))?;
        let colleague = passed(server, "gold/carol", "/", 20).await;
        holds(colleague == 2, format!("a tenant of 10 gets {}", plan + colleague))
    })
    .await;
}

#[tokio::test]
async fn each_instance_counts_for_itself() {
    let redis = Redis::start();
    let shared = async || {
        // However busy this machine is, all is counted there.
        let store = RedisStore::builder().deadline(PATIENCE / 4).lease(PATIENCE);
        let store = store.connect(RedisClient::server(redis.url()).unwrap());
        let limiter = RateLimiter::builder().policy(hourly("caller", 6));
        let limiter = limiter.secret(SECRET).with_store(store.await.unwrap()).build().unwrap();
        serve(handlers().layer(limiter.layer())).await
    };
    let alone = async || serve(limited(hourly("caller", 6))).await;
    let unprotected = [alone().await, alone().await];
    finding(unprotected, [shared().await, shared().await], async |instances| {
        let mut sum = 0;
        for instance in instances {
            sum += passed(instance, "alice", "/", 10).await;
        }
        holds(sum == 6, format!("two instances let {sum} pass where 6 are allowed"))
    })
    .await;
}

#[tokio::test]
async fn the_limiter_fails_with_its_store() {
    let mut redis = Redis::start();
    let over_redis = async |choice: OnStoreError| {
        let store = RedisStore::builder().instances(2);
        let store = store.connect(RedisClient::server(redis.url()).unwrap()).await.unwrap();
        let policy = hourly("caller", 8).on_store_error(choice);
        let limiter = RateLimiter::builder().policy(policy).secret(SECRET);
        let limiter = limiter.with_store(store).build().unwrap();
        serve(handlers().layer(limiter.layer())).await
    };
    let unprotected = over_redis(OnStoreError::Deny).await;
    let protected = over_redis(OnStoreError::Share).await;
    redis.kill();
    finding(unprotected, protected, async |server| {
        let passed = passed(server, "alice", "/", 20).await;
        holds((1..=4).contains(&passed), format!("without its store {passed} of a share of 4 pass"))
    })
    .await;
}

#[tokio::test]
async fn refusals_are_not_counted() {
    let service = |is_told: bool| {
        let metrics = Metrics::builder().build().unwrap();
        let limiter = RateLimiter::builder().policy(hourly("caller", 1));
        let limiter = match is_told {
            true => limiter.on_event(metrics.events()).build(),
            false => limiter.build(),
        };
        let handlers = handlers().layer(limiter.unwrap().layer());
        // Who counts nothing has a page for it all the same.
        let handlers = if is_told { handlers.layer(metrics.layer()) } else { handlers };
        handlers.route("/metrics", get_service(metrics.scrape_service()))
    };
    let (unprotected, protected) = (serve(service(false)).await, serve(service(true)).await);
    finding_in_time(unprotected, protected, async |server, patience| {
        assert_eq!(passed(server, "alice", "/", 2).await, 1);
        let is_counted = async || {
            let page = get(server, "/metrics").await.body;
            let refusals = "tower_ready_rejections_total{layer=\"ratelimit\"";
            let is_it = |line: &str| line.starts_with(refusals) && line.ends_with(" 1");
            String::from_utf8_lossy(&page).lines().any(is_it)
        };
        holds(comes_true(patience, is_counted).await, "refusals are nowhere to be seen")
    })
    .await;
}

#[tokio::test]
async fn no_shedding_and_queues_without_end() {
    let slots = Bulkhead::builder().limit(1).queue(Queue::new(1, Duration::from_secs(600)));
    let slots = slots.build().unwrap();
    let protected = (serve(handlers().layer(slots.layer())).await, Some(slots));
    finding_in_time(
        (serve(handlers()).await, None),
        protected,
        async |(server, slots), patience| {
            // One is served, and one waits for it.
            for queued in 0..2 {
                tokio::spawn(get(server, "/slow"));
                let is_there = |it: &Bulkhead| it.in_flight() == 1 && it.queued() == queued;
                let is_there = async || slots.as_ref().is_none_or(is_there);
                assert!(comes_true(PATIENCE, is_there).await);
            }
            let third = call(server, Method::GET, "/slow").attempt(patience).await;
            let Some(third) = third else { return holds(false, "whoever comes waits in line") };
            assert!(third.headers.contains_key("retry-after"));
            holds(third.status == 503, format!("the third is taken on: {}", third.status))
        },
    )
    .await;
}

/// Two dependencies, of which one hangs, behind one pool of connections.
struct Pooled {
    pool: Arc<Semaphore>,
    hanging: Arc<AtomicUsize>,
}

#[tokio::test]
async fn one_dependency_takes_all_others_along() {
    const CONNECTIONS: usize = 4;
    let service = async |slots: Option<Bulkhead>| {
        let pool = Arc::new(Semaphore::new(CONNECTIONS));
        let hanging = Arc::new(AtomicUsize::new(0));
        let (of_one, of_other, hangs) = (pool.clone(), pool.clone(), hanging.clone());
        let one = on_get(async move || {
            let _connection = of_one.acquire().await;
            hangs.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        });
        let one = match slots {
            Some(slots) => one.layer(slots.layer()),
            None => one,
        };
        let other =
            on_get(async move || of_other.acquire().await.map(|_| "fine").unwrap_or("closed"));
        let router = Router::new().route("/one", one).route("/other", other);
        (serve(router).await, Pooled { pool, hanging })
    };
    let slots = Bulkhead::builder().limit(CONNECTIONS / 2).build().unwrap();
    let (unprotected, protected) = (service(None).await, service(Some(slots)).await);
    finding_in_time(unprotected, protected, async |(server, pooled), patience| {
        let calls = (0..CONNECTIONS)
            .map(|_| tokio::spawn(call(server, Method::GET, "/one").attempt(Duration::MAX)));
        let calls: Vec<_> = calls.collect();
        // Each of them hangs or is refused by now.
        let refused = || calls.iter().filter(|call| call.is_finished()).count();
        while pooled.hanging.load(Ordering::SeqCst) + refused() < CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let other = call(server, Method::GET, "/other").attempt(patience).await;
        let left = pooled.pool.available_permits();
        holds(
            other.is_some_and(|it| it.status == 200),
            format!("{left} connections are left for others"),
        )
    })
    .await;
}
