//! Nothing that a caller sends makes a series, and what names a route is found where the layer sits.

use std::{
    collections::HashSet,
    convert::Infallible,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Waker},
    time::Duration,
};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::{LocalRejection, Route, grpc::Code};
use tower_ready_obs::{ConfigErrorKind, GrpcMethods, Metrics, RouteTable, RpcStatusKey, UrlScheme};
use tower_ready_problem::{Problem, ProblemType};

const COUNT: &str = "http_server_request_duration_seconds_count";

async fn ok(_: Request<Body>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ok".to_owned()))
}

/// Requests as a scanner makes them up, the same each time.
struct Scanner(u64);

impl Scanner {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX, of which the high bits are good.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn text(&mut self, alphabet: &[u8], longest: usize) -> Vec<u8> {
        (0..self.below(longest)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn one_of(&mut self, choices: &[&str]) -> Vec<u8> {
        choices[self.below(choices.len())].as_bytes().to_vec()
    }

    fn request(&mut self) -> Request<Body> {
        const PATH: &[u8] = b"abcXYZ019/._~!$&'()*+,;=:@-%{}";
        const TOKEN: &[u8] = b"ABCxyz019!#$%&'*+.^_`|~-";
        let header: Vec<u8> = (32..=126).chain(128..=255).collect();
        let method = match self.below(4) {
            0 => self.text(TOKEN, 40),
            _ => self.one_of(&["GET", "POST", "POST", "DELETE"]),
        };
        let path = match self.below(4) {
            0 => self.one_of(&["/orders/1", "/orders.v1.Orders/Get", "/learned.v1.Learned/Any"]),
            1 => [b"/orders.v1.Orders/", &*self.text(TOKEN, 20)].concat(),
            _ => [b"/", &*self.text(PATH, 80)].concat(),
        };
        let content_type = match self.below(2) {
            0 => self.one_of(&["application/grpc", "application/grpc-web+proto"]),
            _ => self.text(&header, 30),
        };
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(&method).unwrap_or(Method::GET);
        *request.uri_mut() = http::Uri::try_from(path).unwrap_or_default();
        *request.version_mut() = match self.below(3) {
            0 => http::Version::HTTP_10,
            1 => http::Version::HTTP_11,
            _ => http::Version::HTTP_2,
        };
        for name in [
            "host",
            "x-forwarded-host",
            "x-forwarded-proto",
            "user-agent",
            "traceparent",
            "traceparent",
        ] {
            if let Ok(value) = http::HeaderValue::from_bytes(&self.text(&header, 60)) {
                request.headers_mut().append(name, value);
            }
        }
        if let Ok(value) = http::HeaderValue::from_bytes(&content_type) {
            request.headers_mut().insert("content-type", value);
        }
        request
    }
}

#[tokio::test]
async fn ten_thousand_requests_of_a_scanner_leave_a_few_series() {
    let methods =
        GrpcMethods::new().service("orders.v1.Orders", ["Get"]).learn("learned.v1.Learned");
    let routes = RouteTable::new(["/", "/orders/{id}"]);
    let metrics = Metrics::builder().grpc(methods).routes(routes).build().unwrap();
    let inner = service_fn(|request: Request<Body>| async move {
        let mut response = Response::new(String::new());
        *response.status_mut() = match request.uri().path().len() % 3 {
            0 => StatusCode::NOT_FOUND,
            1 => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        };
        Ok::<_, Infallible>(response)
    });
    let mut service = metrics.layer().layer(inner);
    let mut scanner = Scanner(4711);
    for _ in 0..10_000 {
        service.ready().await.unwrap().call(scanner.request()).await.unwrap();
    }
    let scrape = metrics.scrape();
    let counted = scrape.sum(COUNT) + scrape.sum("rpc_server_call_duration_seconds_count");
    assert_eq!(counted, 10_000.0);
    scrape.assert("http_server_active_requests", 0.0);
    scrape.assert("tower_ready_series_dropped_total", 0.0);
    // Eleven methods, three routes, three statuses, three versions.
    assert!(scrape.series(COUNT) <= 297, "{} series", scrape.series(COUNT));
    // Two methods that are known and `_OTHER`, and what a client makes of the statuses.
    let calls = scrape.series("rpc_server_call_duration_seconds_count");
    assert!(calls <= 9, "{calls} series");
    assert!(scrape.sum(&format!("{COUNT}{{http_request_method=\"_OTHER\"}}")) > 100.0);
    assert!(scrape.sum(&format!("{COUNT}{{http_route=\"/orders/{{id}}\"}}")) > 100.0);
    let text = metrics.to_text();
    let series = || text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0));
    assert_eq!(series().count(), series().collect::<HashSet<_>>().len(), "some come twice");
    for line in text.lines() {
        let is_comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
        assert!(is_comment || line.parse::<tower_ready_obs::Scrape>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn what_finds_no_room_is_counted_together() {
    let metrics = Metrics::builder().max_series(5).build().unwrap();
    let mut service = metrics.layer().layer(service_fn(ok));
    for n in 0..20 {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(Route::from(format!("/{n}").as_str()));
        service.ready().await.unwrap().call(request).await.unwrap();
    }
    let scrape = metrics.scrape();
    scrape.assert(COUNT, 20.0);
    scrape.assert(&format!("{COUNT}{{otel_metric_overflow=\"true\"}}"), 15.0);
    assert_eq!(scrape.series(COUNT), 6);
    scrape.assert("tower_ready_series_dropped_total", 15.0);
    scrape.assert("http_server_active_requests", 0.0);
}

#[tokio::test]
async fn a_stream_that_finds_no_room_is_one_request() {
    let metrics = Metrics::builder().max_series(1).build().unwrap();
    let mut service = metrics.layer().layer(service_fn(async |request: Request<Body>| {
        let mut response = ok(request).await?;
        let stream = http::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert("content-type", stream);
        Ok::<_, Infallible>(response)
    }));
    metrics.initialize(&Method::PUT, "/room", [StatusCode::OK]);
    // Two series of each stream, its own and that of the others, find no room.
    for _ in 0..3 {
        let request = Request::new(Body::empty());
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        drop(response.into_body().collect().await);
    }
    let scrape = metrics.scrape();
    scrape.assert("tower_ready_http_stream_duration_seconds_count", 3.0);
    scrape.assert("tower_ready_series_dropped_total", 3.0);
}

#[tokio::test]
async fn a_length_that_nobody_could_send_leaves_the_sum_in_order() {
    let metrics = Metrics::builder().body_sizes(true).build().unwrap();
    let mut service = metrics.layer().layer(service_fn(ok));
    let mut before = 0.0;
    for length in ["18446744073709551615", "18446744073709551613", "7", "-1", "1e3"] {
        let request = Request::post("/").header("content-length", length);
        let request = request.body(Body::empty()).unwrap();
        drop(service.ready().await.unwrap().call(request).await.unwrap());
        let sum = metrics.scrape().sum("http_server_request_body_size_bytes_sum");
        assert!(sum >= before, "{sum} after {length}");
        before = sum;
    }
    metrics.scrape().assert("http_server_request_body_size_bytes_count", 3.0);
}

#[test]
fn threads_that_fill_the_last_room_lose_nothing_and_exceed_nothing() {
    const REQUESTS: usize = 2_000;
    const ROOM: usize = 20;
    let metrics = Metrics::builder().max_series(ROOM).build().unwrap();
    let count = || {
        let context = &mut Context::from_waker(Waker::noop());
        for n in 0..REQUESTS {
            let status = StatusCode::from_u16((300 + n % (2 * ROOM)) as u16).unwrap();
            let mut service = metrics.layer().layer(service_fn(move |_: Request<Body>| {
                let mut response = Response::new(String::new());
                *response.status_mut() = status;
                std::future::ready(Ok::<_, Infallible>(response))
            }));
            let call = std::pin::pin!(service.call(Request::new(Body::empty())));
            drop(call.poll(context));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(count);
        scope.spawn(count);
    });
    let scrape = metrics.scrape();
    scrape.assert(COUNT, 2.0 * REQUESTS as f64);
    scrape.assert("http_server_active_requests", 0.0);
    assert_eq!(scrape.series(COUNT), ROOM + 1);
    let dropped = scrape.sum("tower_ready_series_dropped_total");
    scrape.assert(&format!("{COUNT}{{otel_metric_overflow=\"true\"}}"), dropped);
    // Half of them have room, and what has is counted there each time.
    assert_eq!(dropped, REQUESTS as f64);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_route_of_axum_is_its_template_wherever_the_layer_sits() {
    use axum::{Router, routing::get};

    let call = async |app: Router, path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        drop(axum::body::to_bytes(response.into_body(), 1_000).await);
    };
    let inner = || Router::new().route("/{id}", get(|| async { "ok" }));
    let app = || Router::new().route("/", get(|| async { "ok" })).nest("/orders", inner());

    let inside = Metrics::builder().build().unwrap();
    let router = app().layer(inside.layer());
    let outside = Metrics::builder().build().unwrap();
    let around = outside.layer().layer(app().layer(outside.route_layer()));
    for path in ["/", "/orders/1", "/orders/2", "/nowhere", "/orders/1/2"] {
        call(router.clone(), path).await;
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = around.clone().oneshot(request).await.unwrap();
        drop(axum::body::to_bytes(Body::new(response.into_body()), 1_000).await);
    }
    for (where_it_sits, metrics) in [("inside", inside), ("outside", outside)] {
        let scrape = metrics.scrape();
        let route = |route: &str| scrape.sum(&format!("{COUNT}{{http_route=\"{route}\"}}"));
        assert_eq!(route("/"), 1.0, "{where_it_sits}");
        assert_eq!(route("/orders/{id}"), 2.0, "{where_it_sits}");
        assert_eq!(route(""), 2.0, "{where_it_sits}");
        assert_eq!(scrape.sum(COUNT), 5.0);
    }
}

#[tokio::test]
async fn a_closure_names_a_route_before_all_others() {
    let metrics = Metrics::builder()
        .routes(RouteTable::new(["/{any}"]))
        .route_by(|head| (head.uri().path() == "/a").then(|| Route::from_static("chosen")))
        .build()
        .unwrap();
    let mut service = metrics.layer().layer(service_fn(ok));
    for path in ["/a", "/b", "/b/c"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap();
    }
    let scrape = metrics.scrape();
    for (route, count) in [("chosen", 1.0), ("/{any}", 1.0), ("", 1.0)] {
        scrape.assert(&format!("{COUNT}{{http_route=\"{route}\"}}"), count);
    }
}

#[tokio::test]
async fn a_client_is_counted_by_whom_it_calls() {
    let metrics = Metrics::builder().scheme(UrlScheme::Https).build().unwrap();
    let refuse = service_fn(|request: Request<Body>| async move {
        match request.uri().path() {
            "/refused" => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
            "/missing" => {
                let mut response = Response::new(String::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            }
            _ => Ok(Response::new(String::new())),
        }
    });
    let mut client = metrics.client_layer().layer(refuse);
    for uri in [
        "http://orders.internal:8080/refused",
        "https://orders.internal/missing",
        "https://orders.internal/ok",
        "http://[::1]:9/ok",
        "/no-authority",
    ] {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let _ = client.ready().await.unwrap().call(request).await;
    }
    let scrape = metrics.scrape();
    let count = |labels: &str| {
        scrape.sum(&format!("http_client_request_duration_seconds_count{{{labels}}}"))
    };
    assert_eq!(
        count(
            r#"server_address="orders.internal",server_port="8080",error_type="connection_refused",http_response_status_code="",url_scheme="http""#
        ),
        1.0
    );
    assert_eq!(
        count(r#"server_address="orders.internal",server_port="443",error_type="404""#),
        1.0
    );
    assert_eq!(count(r#"server_address="orders.internal",error_type="""#), 1.0);
    assert_eq!(count(r#"server_address="[::1]",server_port="9""#), 1.0);
    assert_eq!(count(r#"server_address="",url_scheme="https""#), 1.0);
    scrape.assert("http_client_active_requests", 0.0);
    scrape.assert(COUNT, 0.0);
}

/// Of a server's request it would be a panic, since the answer is lost with a layer further out.
#[tokio::test]
async fn a_call_in_the_hands_of_somebody_who_panics_is_cancelled() {
    let metrics = Metrics::builder().build().unwrap();
    let hang = service_fn(|_: Request<Body>| pending::<Result<Response<String>, Infallible>>());
    for layer in [metrics.client_layer(), metrics.layer()] {
        let mut held = Box::pin(layer.layer(hang).oneshot(Request::default()));
        let handler = AssertUnwindSafe(move || {
            assert!(held.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            panic!("in a handler");
        });
        assert!(catch_unwind(handler).is_err());
    }
    let scrape = metrics.scrape();
    scrape.assert(r#"http_client_request_duration_seconds_count{error_type="cancelled"}"#, 1.0);
    scrape.assert(&format!(r#"{COUNT}{{error_type="panic"}}"#), 1.0);
}

#[tokio::test]
async fn rejections_and_problems_are_counted_with_no_wiring() {
    static GONE: ProblemType = ProblemType::new("sold-out", StatusCode::CONFLICT, "Sold out");
    let metrics = Metrics::builder().routes(RouteTable::new(["/orders"])).build().unwrap();
    let answer = |problem: Problem| {
        let inner = service_fn(move |request: Request<Body>| {
            let caller = tower_ready_problem::Caller::of(&request);
            let answer = problem.clone().answer(&caller);
            async move { Ok::<_, Infallible>(answer.map(http_body_util::Full::new)) }
        });
        metrics.layer().layer(inner)
    };
    let rejected = Problem::new(&GONE).rejected_by(LocalRejection::new("ratelimit", "quota"));
    let request = |path| Request::get(path).body(Body::empty()).unwrap();
    drop(answer(rejected.clone()).oneshot(request("/orders")).await);
    drop(answer(rejected).oneshot(request("/orders")).await);
    drop(answer(Problem::status(StatusCode::NOT_FOUND)).oneshot(request("/else")).await);
    let scrape = metrics.scrape();
    scrape.assert(
        r#"tower_ready_rejections_total{layer="ratelimit",kind="quota",http_route="/orders"}"#,
        2.0,
    );
    scrape
        .assert(r#"tower_ready_problems_total{problem_type="sold-out",http_route="/orders"}"#, 2.0);
    scrape.assert(r#"tower_ready_problems_total{problem_type="about:blank"}"#, 1.0);
}

#[tokio::test]
async fn what_was_initialized_shows_as_zero() {
    let metrics = Metrics::builder()
        .grpc(GrpcMethods::new().service("a.B", ["Get"]))
        .rpc_status_key(RpcStatusKey::StatusCode)
        .build()
        .unwrap();
    metrics.initialize(&Method::GET, "/orders", [StatusCode::OK, StatusCode::BAD_GATEWAY]);
    metrics.initialize_grpc("a.B/Get", Code::ALL);
    metrics.initialize_grpc("a.B/Unknown", Code::ALL);
    let scrape = metrics.scrape();
    assert_eq!(scrape.series(COUNT), 4);
    scrape.assert(&format!("{COUNT}{{error_type=\"502\"}}"), 0.0);
    assert_eq!(scrape.series(&format!("{COUNT}{{error_type=\"502\"}}")), 2);
    let calls = "rpc_server_call_duration_seconds_count{rpc_method=\"a.B/Get\"}";
    assert_eq!(scrape.series(calls), 17);
    assert_eq!(scrape.series("rpc_server_call_duration_seconds_count{rpc_status_code=\"OK\"}"), 1);

    // The request that comes finds the series that is there.
    let mut request = Request::get("/orders").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Route::from_static("/orders"));
    let answer = metrics.layer().layer(service_fn(ok)).oneshot(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    let scrape = metrics.scrape();
    assert_eq!(scrape.series(COUNT), 4);
    scrape.assert(COUNT, 1.0);
}

#[tokio::test]
async fn a_method_that_streams_is_initialized_where_its_calls_will_count() {
    let methods = GrpcMethods::new().streaming("a.B", ["Watch"]);
    let metrics = Metrics::builder().grpc(methods).build().unwrap();
    metrics.initialize_grpc("a.B/Watch", [Code::Ok]);
    let calls = "tower_ready_rpc_stream_duration_seconds_count";
    assert_eq!(metrics.scrape().series(calls), 1);

    let inner = service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(
            Response::builder().header("grpc-status", "0").body(String::new()).unwrap(),
        )
    });
    let request = Request::post("/a.B/Watch").header("content-type", "application/grpc");
    let request = request.body(Body::empty()).unwrap();
    drop(metrics.layer().layer(inner).oneshot(request).await.unwrap());
    let scrape = metrics.scrape();
    assert_eq!(scrape.series(calls), 1);
    scrape.assert(calls, 1.0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let second = Duration::from_secs(1);
    let builder = Metrics::builder;
    let many: Vec<String> = (0..16).map(|n| format!("M{n}")).collect();
    for (result, kind, setting) in [
        (builder().buckets([]).build(), ConfigErrorKind::Buckets, "buckets"),
        (builder().buckets([Duration::ZERO, second]).build(), ConfigErrorKind::Buckets, "buckets"),
        (builder().buckets([second, second]).build(), ConfigErrorKind::Buckets, "buckets"),
        (
            builder().buckets([Duration::MAX - second, Duration::MAX]).build(),
            ConfigErrorKind::Buckets,
            "buckets",
        ),
        (
            builder().buckets((1..=65).map(Duration::from_secs)).build(),
            ConfigErrorKind::Buckets,
            "buckets",
        ),
        (builder().max_series(0).build(), ConfigErrorKind::MaxSeries, "max_series"),
        (builder().max_series(500_001).build(), ConfigErrorKind::MaxSeries, "max_series"),
        (builder().known_methods(many).build(), ConfigErrorKind::KnownMethods, "known_methods"),
        (
            builder().known_methods(["NO GOOD"]).build(),
            ConfigErrorKind::KnownMethods,
            "known_methods",
        ),
    ] {
        let error = result.unwrap_err();
        assert_eq!(*error.kind(), kind);
        let text = error.to_string();
        assert!(text.starts_with(setting) && text.contains(": use "), "{text}");
    }
    let metrics = builder().build().unwrap();
    for name in ["", "a b", "1a", "requests_total", "http_server_active_requests"] {
        let error = metrics.gauge(name, "", || 0.0).unwrap_err();
        assert_eq!(*error.kind(), ConfigErrorKind::Name, "{name}");
    }
    metrics.gauge("orders_open", "", || 0.0).unwrap();
    assert!(metrics.counter("orders_open", "", || 0).is_err());
}
