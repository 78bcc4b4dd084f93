//! What the service needs of others, and what they need of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;
use tower::{ServiceBuilder, ServiceExt, retry::budget::TpsBudget};
use tower_ready_breaker::{Breaker, RetryPolicy, by_authority};
use tower_ready_deadline::{ClientDeadlines, Deadlines};
use tower_ready_shutdown::{Lifecycle, Retry, health::Health};

use crate::{
    client::{call, get},
    finding::{comes_true, finding, finding_in_time, holds},
    service::{Calls, NoBody, Upstream, bare, calling, calls, handlers, serve},
};

#[tokio::test]
async fn a_dead_dependency_takes_the_service_along() {
    let breaker = Breaker::builder("upstream").consecutive_failures(5).build_keyed(by_authority);
    let guarded = calls(ServiceBuilder::new().layer(breaker.unwrap().layer()).service(bare()));
    let service = async |client: Calls| {
        let (upstream, address) = Upstream::start(503).await;
        (serve(calling(client, address)).await, upstream)
    };
    let (unprotected, protected) = (service(bare()).await, service(guarded).await);
    finding(unprotected, protected, async |(server, upstream)| {
        for _ in 0..30 {
            assert_eq!(get(server, "/upstream").await.status, 503);
        }
        let calls = upstream.calls();
        holds(calls == 5, format!("a dead dependency is called {calls} times for 30 requests"))
    })
    .await;
}

#[tokio::test]
async fn retries_without_bound() {
    // In a row, as often as somebody thought would do: no budget.
    let stubborn = calls(tower::service_fn(async |call: http::Request<NoBody>| {
        for _ in 0..9 {
            bare().oneshot(call.clone()).await?;
        }
        bare().oneshot(call).await
    }));
    let budget = TpsBudget::new(Duration::from_secs(10), 1, 0.1);
    let again = RetryPolicy::new(2).budget(budget);
    let bounded = calls(ServiceBuilder::new().retry(again).service(bare()));
    let service = async |client: Calls| {
        let (upstream, address) = Upstream::start(503).await;
        (serve(calling(client, address)).await, upstream)
    };
    let (unprotected, protected) = (service(stubborn).await, service(bounded).await);
    finding(unprotected, protected, async |(server, upstream)| {
        for _ in 0..20 {
            assert_eq!(get(server, "/upstream").await.status, 503);
        }
        // Ten of the budget's reserve, and a tenth of what was asked.
        let calls = upstream.calls();
        holds(
            calls <= 20 + 10 + 2,
            format!("20 requests are {calls} calls to a service that is down"),
        )
    })
    .await;
}

#[tokio::test]
async fn deadlines_end_at_the_next_hop() {
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(60)).task_local(true).build();
    let told = ClientDeadlines::builder().build().unwrap();
    let telling = calls(ServiceBuilder::new().layer(told.layer()).service(bare()));
    let (_, upstream) = Upstream::start(200).await;
    let unprotected = serve(calling(bare(), upstream)).await;
    let protected = serve(calling(telling, upstream).layer(deadlines.unwrap().layer())).await;
    finding(unprotected, protected, async |server| {
        let call = call(server, Method::GET, "/upstream").header("x-request-timeout-ms", "40000");
        let told = call.send().await.json();
        let left = told["x-request-timeout-ms"].as_str().and_then(|left| left.parse().ok());
        holds(
            left.is_some_and(|left: u64| (1..=40_000).contains(&left)),
            "the next service works on for a caller that is gone",
        )
    })
    .await;
}

/// A database that is not there yet when the service starts.
#[derive(Clone, Default)]
struct Late(Arc<AtomicUsize>);

impl Late {
    async fn connect(self) -> Result<(), &'static str> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0..3 => Err("connection refused"),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn dependencies_have_to_be_there_at_the_start() {
    let unprotected = match Late::default().connect().await {
        Ok(()) => Ok(serve(handlers()).await),
        Err(error) => Err(format!("the process ends: {error}")),
    };
    let lifecycle = Lifecycle::builder().build().unwrap();
    let (late, soon) = (Late::default(), Retry::default().first(Duration::from_millis(10)));
    lifecycle.wait_for_with(soon, "database", move || late.clone().connect());
    let health = Health::builder().lifecycle(&lifecycle).build().unwrap();
    lifecycle.ready();
    let protected = Ok::<SocketAddr, _>(serve(handlers().layer(health.layer())).await);
    finding_in_time(unprotected, protected, async |started, patience| {
        let server = match started {
            Ok(server) => server,
            Err(error) => return holds(false, error),
        };
        let ready = comes_true(patience, async || get(server, "/readyz").await.status == 200);
        holds(ready.await, "it never becomes ready")
    })
    .await;
}
