//! What an operator sees and says over HTTP.

mod support;

use http::{Method, Request, Response, StatusCode};
use support::{builder, trip};
use tower::ServiceExt;
use tower_ready_breaker::{AdminService, Breaker, KeyedBreaker, Registry, State, by_authority};

struct Stage {
    db: Breaker,
    upstream: KeyedBreaker,
    admin: AdminService,
}

fn stage() -> Stage {
    let db = builder().build().unwrap();
    let upstream = Breaker::builder("upstream").build_keyed(by_authority).unwrap();
    let registry = Registry::new();
    registry.add(&db);
    registry.add_keyed(&upstream);
    Stage { db, upstream, admin: registry.admin() }
}

impl Stage {
    async fn send(&self, request: Request<()>) -> Response<String> {
        self.admin.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: Method, uri: &str) -> (StatusCode, serde_json::Value) {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        let response = self.send(request).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
        (response.status(), serde_json::from_str(response.body()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn all_circuits_are_listed_and_escaped() {
    let stage = stage();
    trip(&stage.db);
    let hostile = "\"},\n\\\u{1}{\"";
    stage.upstream.key(hostile).try_acquire().unwrap().success();
    let (status, list) = stage.ask(Method::GET, "/any/path").await;
    assert_eq!((status, list.as_array().unwrap().len()), (StatusCode::OK, 2));
    let db = &list[0];
    assert_eq!((&db["breaker"], &db["state"]), (&"orders".into(), &"open".into()));
    assert_eq!((&db["reason"], &db["retry_after_ms"]), (&"failure_rate".into(), &5_000.into()));
    assert_eq!((&db["failures"], &db["rejected"], &db["key"]), (&10.into(), &1.into(), &().into()));
    assert_eq!((&list[1]["key"], &list[1]["successes"]), (&hostile.into(), &1.into()));
    let (_, one) = stage.ask(Method::GET, "/?breaker=upstream").await;
    assert_eq!((one.as_array().unwrap().len(), &one[0]["breaker"]), (1, &"upstream".into()));
}

#[tokio::test(start_paused = true)]
async fn each_order_is_carried_out() {
    let stage = stage();
    for (order, state) in [
        ("force_open", State::ForcedOpen),
        ("disable", State::Disabled),
        ("metrics_only", State::MetricsOnly),
        ("auto", State::Closed),
        ("suspect", State::HalfOpen),
        ("reset", State::Closed),
    ] {
        let uri = format!("/?breaker=orders&order={order}");
        let (status, list) = stage.ask(Method::POST, &uri).await;
        assert_eq!((status, stage.db.state()), (StatusCode::OK, state), "{order}");
        assert_eq!(list[0]["state"], state.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_for_one_key_or_for_all() {
    let stage = stage();
    let keys = ["a.example:443", "b c"];
    for key in keys {
        stage.upstream.key(key).try_acquire().unwrap().success();
    }
    stage.ask(Method::POST, "/?breaker=upstream&key=b+c&order=force_open").await;
    let states = |stage: &Stage| keys.map(|key| stage.upstream.key(key).state());
    assert_eq!(states(&stage), [State::Closed, State::ForcedOpen]);
    stage.ask(Method::POST, "/?order=force%5Fopen&breaker=upstream&key=a.example%3a443").await;
    assert_eq!(states(&stage), [State::ForcedOpen; 2]);
    stage.ask(Method::POST, "/?breaker=upstream&order=auto").await;
    assert_eq!(states(&stage), [State::Closed; 2]);
    stage.ask(Method::POST, "/?breaker=upstream&order=force_open").await;
    assert_eq!(stage.upstream.shared().state(), State::ForcedOpen);
}

#[tokio::test(start_paused = true)]
async fn nonsense_changes_nothing_and_is_told_so() {
    let stage = stage();
    let too_long = format!("?breaker=upstream&key={}&order=force_open", "x".repeat(300));
    for (method, query, expected) in [
        (Method::POST, "", 400),
        (Method::POST, "?breaker=orders", 400),
        (Method::POST, "?breaker=orders&order=open", 400),
        (Method::POST, "?breaker=orders&order=%zz", 400),
        (Method::POST, "?breaker=orders&order=%", 400),
        (Method::POST, "?order=force_open", 404),
        (Method::POST, "?breaker=nobody&order=force_open", 404),
        (Method::POST, "?breaker=%ff&order=force_open", 404),
        (Method::DELETE, "?breaker=orders&order=force_open", 405),
        // An order for one is never one for all.
        (Method::POST, "?breaker=upstream&key=%ff&order=force_open", 400),
        (Method::POST, "?breaker=orders&key=a&order=force_open", 404),
        (Method::POST, too_long.as_str(), 404),
    ] {
        let (status, problem) = stage.ask(method, &format!("/{query}")).await;
        assert_eq!((status.as_u16(), &problem["status"]), (expected, &expected.into()), "{query}");
    }
    assert_eq!(stage.upstream.key("a.example").state(), State::Closed);
    assert_eq!(stage.upstream.shared().state(), State::Closed);
    stage.ask(Method::POST, "/?breaker=upstream&key&order=force_open").await;
    assert_eq!(stage.upstream.key("a.example").state(), State::Closed, "the key is empty, not all");
    let site = |site: &str| {
        let order = Request::post("/?breaker=orders&order=force_open");
        order.header("sec-fetch-site", site).body(()).unwrap()
    };
    assert_eq!(stage.send(site("cross-site")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(stage.send(site("same-site")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(stage.db.state(), State::Closed);
    assert_eq!(stage.send(site("same-origin")).await.status(), StatusCode::OK);
    assert_eq!(stage.db.state(), State::ForcedOpen);
}

#[tokio::test(start_paused = true)]
async fn the_circuit_that_keys_share_is_listed_once_it_is_used() {
    let stage = stage();
    stage.upstream.shared().try_acquire().unwrap().failure();
    let (_, list) = stage.ask(Method::GET, "/?breaker=upstream").await;
    assert_eq!((&list[0]["key"], &list[0]["failures"]), (&().into(), &1.into()));
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn a_name_stands_for_one_breaker() {
    let registry = Registry::new();
    let [old, new] = [(); 2].map(|()| builder().build().unwrap());
    registry.add(&old);
    registry.add(&new);
    new.force_open();
    assert_eq!(registry.get("orders").unwrap().state(), State::ForcedOpen);
    assert_eq!((registry.snapshots().len(), registry.get_keyed("orders").is_none()), (1, true));
    registry.add_keyed(&builder().build_keyed(by_authority).unwrap());
    assert!(registry.get("orders").is_none() && registry.get_keyed("orders").is_some());
    assert_eq!(format!("{registry:?}"), r#"["orders"]"#);
}
