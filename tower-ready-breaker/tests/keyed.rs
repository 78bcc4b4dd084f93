//! A circuit for each key, and no more than there is room for.

mod support;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use support::{OPEN, Told, advance, builder, secs};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_breaker::{KeyedBreaker, KeyedBreakerService, State, by_authority, by_route};
use tower_ready_core::Route;
use tower_ready_testing::{
    alloc,
    contract::{self, Contract},
};

fn keyed() -> KeyedBreaker {
    builder().consecutive_failures(1).build_keyed(by_authority).unwrap()
}

fn fail(breaker: &KeyedBreaker, key: &str) {
    breaker.key(key).try_acquire().unwrap().failure();
}

// 56
#[tokio::test(start_paused = true)]
async fn a_million_keys_find_no_more_room_than_there_is() {
    let breaker = keyed();
    fail(&breaker, "sick.example");
    assert_eq!(breaker.key("sick.example").state(), State::Open);
    for key in 0..1_000_000_u64 {
        let key = format!("{:016x}.example", key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        breaker.key(&key).try_acquire().unwrap().success();
    }
    assert_eq!(breaker.len(), 1_024);
    assert_eq!(breaker.key("sick.example").state(), State::Open, "and open it still is");
    assert!(breaker.shared().snapshot().totals.successes > 900_000);

    // The others have nothing to do for a window, and make room.
    secs(11).await;
    fail(&breaker, "new.example");
    assert_eq!(breaker.key("new.example").state(), State::Open);
    assert_eq!(breaker.shared().state(), State::Closed);
    assert_eq!(breaker.len(), 1_024);
}

#[tokio::test(start_paused = true)]
async fn keys_that_share_a_circuit_do_not_open_those_that_have_one() {
    let breaker = builder().capacity(2).consecutive_failures(1).build_keyed(by_authority).unwrap();
    for key in ["a", "b"] {
        breaker.key(key).try_acquire().unwrap().success();
    }
    fail(&breaker, "no room for this");
    assert_eq!(breaker.shared().state(), State::Open);
    assert!(breaker.key("nor for this").try_acquire().is_err());
    for key in ["a", "b"] {
        assert_eq!(breaker.key(key).state(), State::Closed);
    }
    let long = "x".repeat(KeyedBreaker::MAX_KEY + 1);
    assert!(breaker.key(&long).try_acquire().is_err(), "a key of any length shares it too");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_gets_the_circuit_of_another_begins_with_nothing() {
    let breaker = builder().capacity(1).build_keyed(by_authority).unwrap();
    let late = breaker.key("first").try_acquire().unwrap();
    secs(11).await;
    for _ in 0..9 {
        fail(&breaker, "second");
    }
    late.failure();
    assert_eq!(
        breaker.key("second").state(),
        State::Closed,
        "the first one's call is nothing to it"
    );
    assert_eq!(breaker.key("second").snapshot().stale, 1);
    let keys: Vec<_> = breaker.snapshots().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["second".into()]);
}

fn request(authority: &str) -> Request<()> {
    let uri = format!("http://{authority}/orders");
    Request::get(uri).body(()).unwrap()
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// Fails where the host is called sick.
async fn upstream(request: Request<()>) -> Answer {
    let status = match request.uri().host() {
        Some("sick.example") => StatusCode::BAD_GATEWAY,
        _ => StatusCode::OK,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

async fn status<S>(service: &mut KeyedBreakerService<S>, request: Request<()>) -> u16
where
    S: Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone,
{
    let answer = service.ready().await.unwrap().call(request).await;
    answer.unwrap().status().as_u16()
}

// 57
#[tokio::test(start_paused = true)]
async fn one_host_that_is_down_does_not_take_the_others_along() {
    let mut client = keyed().layer().layer(service_fn(upstream));
    assert_eq!(status(&mut client, request("sick.example")).await, 502);
    for _ in 0..3 {
        assert_eq!(status(&mut client, request("sick.example")).await, 503);
        assert_eq!(status(&mut client, request("well.example")).await, 200);
        assert_eq!(status(&mut client, request("sick.example:8080")).await, 502);
        advance(OPEN).await;
        assert_eq!(status(&mut client, request("sick.example")).await, 502, "a probe");
        assert_eq!(status(&mut client, request("sick.example")).await, 503);
    }
}

#[tokio::test(start_paused = true)]
async fn routes_and_closures_are_keys_too() {
    let by_route = builder().consecutive_failures(1).build_keyed(by_route).unwrap();
    let mut service = by_route.layer().layer(service_fn(upstream));
    let on = |route| {
        let mut request = request("sick.example");
        request.extensions_mut().insert(Route::from_static(route));
        request
    };
    assert_eq!(status(&mut service, on("/orders")).await, 502);
    assert_eq!(status(&mut service, on("/orders")).await, 503);
    assert_eq!(status(&mut service, on("/items")).await, 502);
    assert_eq!(by_route.len(), 2);

    let tenants = builder().consecutive_failures(1);
    let tenants = tenants.build_keyed(|head| head.headers().get("x-tenant")?.to_str().ok());
    let mut service = tenants.unwrap().layer().layer(service_fn(upstream));
    let of = |tenant| {
        let mut request = request("sick.example");
        request.headers_mut().insert("x-tenant", http::HeaderValue::from_static(tenant));
        request
    };
    assert_eq!(status(&mut service, of("acme")).await, 502);
    assert_eq!(status(&mut service, of("acme")).await, 503);
    assert_eq!(status(&mut service, of("other")).await, 502);
    assert_eq!(status(&mut service, request("well.example")).await, 200);
}

#[tokio::test(start_paused = true)]
async fn no_more_of_a_group_open_than_its_budget_allows() {
    let told = Told::default();
    let breaker = builder()
        .consecutive_failures(1)
        .max_open_share(0.5)
        .on_event(told.hear())
        .build_keyed(by_authority)
        .unwrap();
    let hosts = ["a", "b", "c", "d"];
    for host in hosts {
        breaker.key(host).try_acquire().unwrap().success();
    }
    let open = || hosts.map(|host| breaker.key(host).state() == State::Open);
    for host in hosts {
        fail(&breaker, host);
    }
    fail(&breaker, "d");
    assert_eq!(open(), [true, true, false, false]);
    assert_eq!(told.words(), ["opened", "opened", "spared", "spared"], "each is told of once");

    // One that recovers makes room for another.
    advance(OPEN).await;
    for _ in 0..2 {
        breaker.key("a").try_acquire().unwrap().success();
    }
    fail(&breaker, "c");
    assert_eq!(open(), [false, true, true, false]);
}

// A suspicion of all endpoints at once must not shut more of them than failures of all could.
#[tokio::test(start_paused = true)]
async fn a_suspicion_does_not_go_beyond_the_budget() {
    let told = Told::default();
    let breaker =
        builder().max_open_share(0.5).on_event(told.hear()).build_keyed(by_authority).unwrap();
    let hosts = ["a", "b", "c", "d"];
    for host in hosts {
        breaker.key(host).try_acquire().unwrap().success();
    }
    for host in hosts {
        breaker.key(host).suspect();
        assert_eq!(breaker.key(host).state(), State::HalfOpen);
        fail(&breaker, host);
    }
    let states = hosts.map(|host| breaker.key(host).state());
    assert_eq!(states, [State::Open, State::Open, State::Closed, State::Closed]);
    assert_eq!(told.words()[4..], ["half_opened", "spared", "closed"].repeat(2));
    for host in ["c", "d"] {
        breaker.key(host).try_acquire().unwrap().success();
    }
}

#[test]
fn the_key_of_an_authority_is_its_host_and_port_and_no_password() {
    for (uri, key) in [
        ("http://a.example/", Some("a.example")),
        ("http://a.example:8080/", Some("a.example:8080")),
        ("http://user:secret@a.example:8080/", Some("a.example:8080")),
        ("http://user@[::1]:80/", Some("[::1]:80")),
        ("/orders", None),
    ] {
        let request = Request::get(uri).body(()).unwrap();
        assert_eq!(by_authority(&tower_ready_core::Head::of(&request)), key, "{uri}");
    }
}

#[tokio::test]
async fn the_contract_of_every_layer_holds() {
    contract::check(|| keyed().layer()).await;
    Contract::new()
        .check_rejection(|| {
            let breaker = keyed();
            breaker.shared().force_open();
            breaker.layer()
        })
        .await;
}

#[test]
fn a_key_that_is_known_costs_no_allocation() {
    let breaker = builder().open_for([Duration::from_secs(1)]).build_keyed(by_authority).unwrap();
    breaker.key("a.example:443").try_acquire().unwrap().success();
    let again = || {
        breaker.key("a.example:443").try_acquire().unwrap().success();
    };
    assert_eq!(alloc::count(again).count, 0);
}

/// Whoever chooses keys chooses how much of this is used, up to the capacity.
#[test]
fn a_circuit_with_its_key_takes_half_a_kilobyte_at_most() {
    let keys: Vec<_> = (0..1_000).map(|key| format!("{key:04}.internal.example")).collect();
    let build = || builder().capacity(keys.len()).build_keyed(by_authority).unwrap();
    let (breaker, empty) = alloc::counted(build);
    let used = alloc::count(|| {
        for key in &keys {
            breaker.key(key).try_acquire().unwrap().success();
        }
    });
    let each = (empty.bytes + used.bytes) / keys.len() as u64;
    assert!(each <= 512, "{each} bytes, {} of them in use alone", used.bytes / 1_000);
}
