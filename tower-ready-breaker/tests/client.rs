//! A client's stack, retry and breaker and a timeout for each attempt, over real sockets to servers
//! that fail in every way that servers do.

mod support;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use support::builder;
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt,
    retry::{Retry, budget::TpsBudget},
    timeout::Timeout,
};
use tower_ready_breaker::{
    BreakerBody, KeyedBreaker, KeyedBreakerService, Reason, RetryPolicy, State, by_authority,
};
use tower_ready_testing::{Server, each_host};

type Transport = Timeout<Client<HttpConnector, Full<Bytes>>>;
type Stack = Retry<RetryPolicy, KeyedBreakerService<Transport>>;
type Answer = Result<Response<BreakerBody<hyper::body::Incoming>>, BoxError>;

/// Longer than an answer needs on a machine that is busy.
const PATIENT: Duration = Duration::from_secs(20);

fn stack(breaker: &KeyedBreaker, retries: u32, budget: TpsBudget, attempt: Duration) -> Stack {
    ServiceBuilder::new()
        .retry(RetryPolicy::new(retries).budget(budget))
        .layer(breaker.layer())
        .timeout(attempt)
        .service(Client::builder(TokioExecutor::new()).build_http())
}

fn breaker() -> KeyedBreaker {
    builder()
        .consecutive_failures(4)
        .abandon_after(Duration::from_millis(100))
        .open_for([Duration::from_secs(3_600)])
        .build_keyed(by_authority)
        .unwrap()
}

async fn ask(stack: &Stack, address: SocketAddr, path: &str) -> Answer {
    let uri = format!("http://{address}{path}");
    let request = Request::get(uri).body(Full::default()).unwrap();
    stack.clone().ready().await?.call(request).await
}

/// The answer read to its end, and its status if all of it came.
async fn whole(stack: &Stack, address: SocketAddr, path: &str) -> Option<StatusCode> {
    let answer = ask(stack, address, path).await.ok()?;
    let status = answer.status();
    answer.into_body().collect().await.ok().map(|_| status)
}

/// Fails until the circuit opens, is shed, and then is tried and well again.
async fn opens_sheds_and_closes(server: &Server, fault: &str) {
    let breaker = breaker();
    let with_patience = |attempt| stack(&breaker, 0, TpsBudget::default(), attempt);
    // A handler that hangs is given up.
    let hangs = fault.contains("gated");
    let stack = with_patience(if hangs { Duration::from_millis(250) } else { PATIENT });
    let address = server.address();
    let circuit = || breaker.key(&address.to_string());
    for _ in 0..4 {
        assert_eq!(circuit().state(), State::Closed, "{fault}");
        assert_ne!(whole(&stack, address, fault).await, Some(StatusCode::OK), "{fault}");
    }
    assert_eq!(circuit().state(), State::Open, "{fault}");
    let hits = server.hits();
    for _ in 0..10 {
        let answer = ask(&stack, address, fault).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert_eq!(server.hits(), hits, "{fault}");

    let stack = with_patience(PATIENT);
    circuit().reset();
    circuit().suspect();
    for _ in 0..2 {
        assert_eq!(circuit().state(), State::HalfOpen, "{fault}");
        assert_eq!(whole(&stack, address, "/probe/a").await, Some(StatusCode::OK));
    }
    assert_eq!(circuit().state(), State::Closed, "{fault}");
}

each_host! {
    #[hosts(axum, hyper)]
    async fn it_survives_every_way_to_fail(host) {
        let server = host.serve(tower_layer::Identity::new()).await;
        for fault in [
            "/probe/a?fail=1&status=500&message=broken",
            "/probe/a?panic=1",
            "/probe/a?gated=1",
            "/probe/stream?chunks=1&ending=BREAK",
            "/probe/stream?chunks=1&ending=PANIC",
        ] {
            opens_sheds_and_closes(&server, fault).await;
        }
    }

    /// Answers that are good and too slow, which here each is.
    #[hosts(axum, hyper)]
    async fn it_survives_a_server_that_is_slow(host) {
        let server = host.serve(tower_layer::Identity::new()).await;
        let hour = Duration::from_secs(3_600);
        let slow = |threshold| builder().window(hour).no_failure_rate().slow_calls(threshold, 1.0);
        let every_call = slow(Duration::from_nanos(1)).open_for([hour]);
        let breaker = every_call.build_keyed(by_authority).unwrap();
        let (stack, address) = (stack(&breaker, 2, TpsBudget::default(), PATIENT), server.address());
        let circuit = || breaker.key(&address.to_string());
        for calls in 1..=10 {
            assert_eq!(circuit().state(), State::Closed);
            assert_eq!(whole(&stack, address, "/probe/a").await, Some(StatusCode::OK));
            assert_eq!(server.hits(), calls, "a good answer is not asked for again");
        }
        assert_eq!(circuit().snapshot().reason, Some(Reason::SlowCalls));
        assert_eq!(ask(&stack, address, "/probe/a").await.unwrap().status(), 503);
        assert_eq!(server.hits(), 10);

        circuit().reset();
        circuit().suspect();
        assert_eq!(whole(&stack, address, "/probe/a").await, Some(StatusCode::OK));
        assert_eq!(circuit().snapshot().reason, Some(Reason::ProbeFailed), "still too slow");
        circuit().set_rules(&slow(hour)).unwrap();
        circuit().reset();
        circuit().suspect();
        for _ in 0..2 {
            assert_eq!(whole(&stack, address, "/probe/a").await, Some(StatusCode::OK));
        }
        assert_eq!(circuit().state(), State::Closed);
    }

    #[hosts(axum)]
    async fn a_rejection_is_not_retried(host) {
        let server = host.serve(tower_layer::Identity::new()).await;
        let breaker = breaker();
        let stack = stack(&breaker, 2, TpsBudget::default(), PATIENT);
        let fault = "/probe/a?fail=1&status=503&message=no";
        assert_eq!(whole(&stack, server.address(), fault).await.unwrap(), 503);
        assert_eq!(server.hits(), 3, "each attempt passes the breaker");
        assert_eq!(whole(&stack, server.address(), fault).await.unwrap(), 503);
        assert_eq!(server.hits(), 4, "the fourth failure opened the circuit");
        let circuit = breaker.key(&server.address().to_string());
        assert_eq!((circuit.state(), circuit.snapshot().rejected), (State::Open, 1));
        assert_eq!(whole(&stack, server.address(), fault).await.unwrap(), 503);
        assert_eq!(circuit.snapshot().rejected, 2, "one rejection for one request");
    }

    #[hosts(axum)]
    async fn retries_stop_when_their_budget_is_spent(host) {
        let server = host.serve(tower_layer::Identity::new()).await;
        let breaker = builder().min_calls(1_000).build_keyed(by_authority).unwrap();
        let budget = TpsBudget::new(Duration::from_secs(60), 0, 0.0);
        let stack = stack(&breaker, 5, budget, PATIENT);
        let fault = "/probe/a?fail=1&status=503&message=no";
        for hits in 1..=3 {
            assert_eq!(whole(&stack, server.address(), fault).await.unwrap(), 503);
            assert_eq!(server.hits(), hits);
        }
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_opens_it() {
    // Bound, so that nobody else gets it, and not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let breaker = breaker();
    let stack = stack(&breaker, 0, TpsBudget::default(), PATIENT);
    for _ in 0..4 {
        assert!(ask(&stack, address, "/").await.is_err());
    }
    assert_eq!(ask(&stack, address, "/").await.unwrap().status(), 503);
    assert_eq!(breaker.key(&address.to_string()).state(), State::Open);
}
