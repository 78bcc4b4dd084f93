//! Shares that are guaranteed, and requests that nobody turns away.

use std::{
    convert::Infallible,
    future::{Pending, pending},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_core::Route;
use tower_ready_shed::{
    Bulkhead, BulkheadBuilder, ConfigErrorKind, Event, Partitions, Priority, Queue, ShedFuture,
};
use tower_ready_testing::each_host;

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Pending<Answer>>;
type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// A service that never answers, so that whoever is let in keeps its slot.
struct Stage {
    bulkhead: Bulkhead,
    service: tower_ready_shed::ShedService<Inner>,
    served: Vec<(String, ShedFuture<Inner, ()>)>,
}

impl Stage {
    fn new(builder: BulkheadBuilder) -> Self {
        let bulkhead = builder.build().unwrap();
        let inner: Inner = service_fn(|_| pending());
        let service = bulkhead.layer().layer(inner);
        Self { bulkhead, service, served: Vec::new() }
    }

    /// Whether a request of this tenant is served.
    fn ask(&mut self, tenant: &str) -> bool {
        self.send(tenant, Request::get("/orders").header("x-tenant", tenant).body(()).unwrap())
    }

    fn send(&mut self, name: &str, request: Request<()>) -> bool {
        let before = self.bulkhead.in_flight();
        let future = self.service.call(request);
        let is_served = self.bulkhead.in_flight() > before;
        if is_served {
            self.served.push((name.to_owned(), future));
        }
        is_served
    }

    fn fill(&mut self, tenant: &str) -> usize {
        (0..1_000).take_while(|_| self.ask(tenant)).count()
    }

    fn finish(&mut self, tenant: &str) {
        let place = self.served.iter().position(|it| it.0 == tenant).unwrap();
        drop(self.served.remove(place));
    }
}

fn tenants() -> Partitions {
    let tenants = Partitions::by(|head| head.headers().get("x-tenant")?.to_str().ok());
    tenants.share("acme", 0.5).share("globex", 0.2)
}

#[test]
fn whoever_comes_first_has_it_all_and_the_others_their_share_even_then() {
    let mut stage = Stage::new(Bulkhead::builder().limit(10).partitions(tenants()));
    assert_eq!(stage.fill("acme"), 10, "nothing lies idle");
    assert_eq!(stage.fill("nobody"), 0, "without a share there is none kept");
    assert_eq!(stage.fill("globex"), 2);
    assert_eq!(stage.bulkhead.in_flight(), 12);
    let counts = ["acme", "globex", "nobody"].map(|name| stage.bulkhead.partition(name));
    assert_eq!(counts, [Some(10), Some(2), None]);

    // What was too much goes first.
    for _ in 0..2 {
        stage.finish("acme");
        assert!(!stage.ask("acme") && !stage.ask("nobody"));
    }
    stage.finish("acme");
    assert!(stage.ask("nobody"), "there is a free slot, and it is for anybody");
    assert!(!stage.ask("acme"));
    stage.finish("globex");
    assert!(stage.ask("globex"), "its own share is always there");
}

#[test]
fn a_share_follows_the_limit_and_is_one_slot_at_least() {
    let mut stage = Stage::new(Bulkhead::builder().limit(2).partitions(tenants()));
    assert_eq!((stage.fill("nobody"), stage.fill("globex"), stage.fill("acme")), (2, 1, 1));
    stage.bulkhead.set_limit(20).unwrap();
    assert_eq!(stage.fill("nobody"), 16);
    assert_eq!((stage.fill("globex"), stage.fill("acme")), (3, 9));
}

#[test]
fn a_share_is_the_part_that_was_said_whatever_becomes_of_it_in_binary() {
    let stage = |share| {
        let partitions = Partitions::by(|head| head.headers().get("x-tenant")?.to_str().ok());
        Stage::new(Bulkhead::builder().limit(100).partitions(partitions.share("acme", share)))
    };
    for percent in 1..100_usize {
        let mut stage = stage(percent as f64 / 100.0);
        assert_eq!((stage.fill("nobody"), stage.fill("acme")), (100, percent));
    }
}

/// Else it would wait, and whoever comes of its group would be served.
#[tokio::test(start_paused = true)]
async fn who_waits_is_served_when_its_group_has_less_than_its_share_again() {
    let queue = Queue::new(10, Duration::from_secs(60));
    let mut stage = Stage::new(Bulkhead::builder().limit(10).partitions(tenants()).queue(queue));
    let fill = |stage: &mut Stage, tenant, count| {
        assert!((0..count).all(|_| stage.ask(tenant)), "{tenant}");
    };
    fill(&mut stage, "acme", 10);
    fill(&mut stage, "globex", 2);
    let request = Request::get("/orders").header("x-tenant", "globex").body(()).unwrap();
    let waits = stage.service.call(request);
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (12, 1));
    stage.finish("acme");
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (11, 1));
    stage.finish("globex");
    assert_eq!((stage.bulkhead.in_flight(), stage.bulkhead.queued()), (11, 0));
    assert_eq!(stage.bulkhead.partition("globex"), Some(2), "it was counted when it was granted");
    drop(waits);
    assert_eq!(stage.bulkhead.partition("globex"), Some(1));
}

#[test]
fn routes_are_partitions_too_and_events_name_them() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let routes = Partitions::by_route().share("/orders", 0.5);
    let builder =
        Bulkhead::builder().limit(1).partitions(routes).on_event(move |event: &Event<'_>| {
            if let Event::Refused { partition, .. } = event {
                ears.lock().unwrap().push(partition.map(str::to_owned));
            }
        });
    let mut stage = Stage::new(builder);
    let on = |route| {
        let mut request = Request::new(());
        request.extensions_mut().insert(Route::from_static(route));
        request
    };
    assert!(stage.send("", on("/items")));
    assert!(stage.send("", on("/orders")));
    assert!(!stage.send("", on("/orders")));
    assert!(!stage.send("", on("/items")));
    assert_eq!(*heard.lock().unwrap(), [Some("/orders".to_owned()), None]);
}

#[test]
fn nobody_turns_health_checks_away() {
    let mut stage = Stage::new(Bulkhead::builder().limit(1).priority(|_| Priority::Low));
    assert!(stage.ask("x"));
    for (method, path, is_served) in [
        ("GET", "/livez", true),
        ("HEAD", "/readyz", true),
        ("GET", "/healthz", true),
        ("POST", "/grpc.health.v1.Health/Check", true),
        ("POST", "/livez", false),
        ("GET", "/livez/", false),
        ("GET", "/orders", false),
    ] {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        assert_eq!(stage.send(path, request), is_served, "{method} {path}");
    }
    assert_eq!(stage.bulkhead.in_flight(), 5, "they are counted");

    let own = Bulkhead::builder().limit(1).never_shed(|head| head.uri().path() == "/pay");
    let mut stage = Stage::new(own);
    let get = |path: &str| Request::get(path).body(()).unwrap();
    assert!(stage.send("", get("/")) && stage.send("", get("/pay")));
    assert!(!stage.send("", get("/livez")));
}

#[test]
fn shares_that_cannot_be_are_refused() {
    let by = || Partitions::by(|_| None);
    let many = (0..65).fold(by(), |it, number| it.share(number.to_string(), 0.01));
    for partitions in [
        by(),
        by().share("a", 0.0),
        by().share("a", -0.1),
        by().share("a", f64::NAN),
        by().share("a", 1.1),
        by().share("a", 0.6).share("b", 0.5),
        by().share("a", 0.1).share("a", 0.1),
        many,
    ] {
        let error = Bulkhead::builder().partitions(partitions).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Partitions);
        assert!(error.to_string().starts_with("partitions: "));
    }
    let tenths = (0..10).fold(by(), |it, number| it.share(number.to_string(), 0.1));
    assert!(Bulkhead::builder().partitions(tenths).build().is_ok());
}

each_host! {
    async fn a_share_is_given_back_with_the_end_of_the_body(host) {
        use tower_ready_testing::Call;

        let bulkhead = Bulkhead::builder().limit(1).partitions(tenants()).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let call = |tenant: &str| Call::stream(1).header("x-tenant", tenant);
        let mut stream = server.stream(call("acme").then_wait()).await;
        assert!(stream.message().await.is_some());
        server.call(call("acme")).await.assert_rejected(http::StatusCode::SERVICE_UNAVAILABLE, 14);
        assert_eq!(bulkhead.partition("acme"), Some(1));
        server.probe().release(1);
        stream.finish().await.assert_ok();
        server.call(call("acme")).await.assert_ok();
        assert_eq!((bulkhead.partition("acme"), bulkhead.in_flight()), (Some(0), 0));
    }
}
