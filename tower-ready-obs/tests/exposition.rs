//! What a scraper reads.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::Route;
use tower_ready_obs::{Metrics, MetricsBuilder, Scrape};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Counts a request of this route that took this long.
async fn count(metrics: &Metrics, route: &str, took: Duration, traceparent: Option<&'static str>) {
    let inner = service_fn(move |_: Request<()>| async move {
        tokio::time::advance(took).await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
    });
    let mut request = Request::new(());
    request.extensions_mut().insert(Route::from(route));
    if let Some(value) = traceparent {
        request.headers_mut().insert("traceparent", HeaderValue::from_static(value));
    }
    let answer = metrics.layer().layer(inner).oneshot(request).await.unwrap();
    drop(answer.into_body().collect().await);
}

async fn get(metrics: &Metrics, accept: &str) -> (String, Bytes) {
    let request = Request::get("/metrics").header("accept", accept).body(()).unwrap();
    let answer = metrics.scrape_service().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (content_type, answer.into_body().collect().await.unwrap().to_bytes())
}

async fn text(metrics: &Metrics, accept: &str) -> String {
    String::from_utf8(get(metrics, accept).await.1.into()).unwrap()
}

fn builder() -> MetricsBuilder {
    let millis = [10, 1_000].map(Duration::from_millis);
    Metrics::builder().buckets(millis).time_to_headers(false)
}

#[tokio::test(start_paused = true)]
async fn text_is_what_every_scraper_reads() {
    let metrics = builder().build().unwrap();
    count(&metrics, "/o\"r\\d\ners", Duration::from_millis(250), None).await;
    metrics.gauge("orders_open", "Orders that\nare \\ open.", || 2.5).unwrap();
    metrics.counter("orders_shipped", "Orders \"shipped\".", || 7).unwrap();
    metrics.build_info("orders", "1.2.3");
    let text = text(&metrics, "*/*").await;
    let expected = r#"# HELP http_server_request_duration_seconds How long requests took, to the ends of their bodies.
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_request_method="GET",url_scheme="http",http_route="/o\"r\\d\ners",http_response_status_code="200",network_protocol_version="1.1",le="0.01"} 0
http_server_request_duration_seconds_bucket{http_request_method="GET",url_scheme="http",http_route="/o\"r\\d\ners",http_response_status_code="200",network_protocol_version="1.1",le="1"} 1
http_server_request_duration_seconds_bucket{http_request_method="GET",url_scheme="http",http_route="/o\"r\\d\ners",http_response_status_code="200",network_protocol_version="1.1",le="+Inf"} 1
http_server_request_duration_seconds_sum{http_request_method="GET",url_scheme="http",http_route="/o\"r\\d\ners",http_response_status_code="200",network_protocol_version="1.1"} 0.25
http_server_request_duration_seconds_count{http_request_method="GET",url_scheme="http",http_route="/o\"r\\d\ners",http_response_status_code="200",network_protocol_version="1.1"} 1
# HELP http_server_active_requests Requests whose answers are not over yet.
# TYPE http_server_active_requests gauge
http_server_active_requests{http_request_method="GET",url_scheme="http"} 0
# HELP tower_ready_series_dropped_total Requests that were counted without their labels, for lack of room.
# TYPE tower_ready_series_dropped_total counter
tower_ready_series_dropped_total 0
# HELP orders_open Orders that\nare \\ open.
# TYPE orders_open gauge
orders_open 2.5
# HELP orders_shipped_total Orders "shipped".
# TYPE orders_shipped_total counter
orders_shipped_total 7
# HELP tower_ready_build_info Which build runs.
# TYPE tower_ready_build_info gauge
tower_ready_build_info{name="orders",version="1.2.3"} 1
"#;
    assert_eq!(text, expected);
    assert_eq!(text, metrics.to_text());
}

#[tokio::test(start_paused = true)]
async fn open_metrics_has_units_exemplars_and_an_end() {
    let metrics = builder().build().unwrap();
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let unsampled = "00-1af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00";
    count(&metrics, "/a", Duration::from_millis(250), Some(sampled)).await;
    count(&metrics, "/a", Duration::from_millis(5), Some(unsampled)).await;
    metrics.build_info("orders", "1.2.3");
    metrics.counter("orders_shipped", "Orders \"shipped\".", || 7).unwrap();
    let text = text(&metrics, OPEN_METRICS).await;
    for line in [
        "# TYPE http_server_request_duration_seconds histogram\n",
        "# UNIT http_server_request_duration_seconds seconds\n",
        "# TYPE tower_ready_build info\n",
        "tower_ready_build_info{name=\"orders\",version=\"1.2.3\"} 1\n",
        "# TYPE orders_shipped counter\n",
        "# HELP orders_shipped Orders \\\"shipped\\\".\n",
        "orders_shipped_total 7\n",
        "le=\"1.0\"} 2 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",span_id=\"00f067aa0ba902b7\"} 0.25 ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
    assert!(!text.contains("1af7651916cd43dd8448eb211c80319c"), "it is not sampled");
    // Its time is that of the wall.
    let (_, rest) = text.split_once("\"} 0.25 ").unwrap();
    let (at, _) = rest.split_once('\n').unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - at.parse::<f64>().unwrap()).abs() < 300.0, "{at}");
}

#[tokio::test(start_paused = true)]
async fn protocol_buffers_have_native_histograms() {
    let metrics = builder().native_histograms(true).build().unwrap();
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    for millis in [0, 1_000, 1_000, 1_100, 8_000] {
        count(&metrics, "/a", Duration::from_millis(millis), Some(sampled)).await;
    }
    let (content_type, bytes) = get(&metrics, PROTOBUF).await;
    assert_eq!(
        content_type,
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    );
    let families = proto::decode(&bytes);
    let names: Vec<_> = families.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "http_server_request_duration_seconds",
            "http_server_active_requests",
            "tower_ready_series_dropped_total",
        ]
    );
    let durations = &families[0];
    assert_eq!((durations.r#type, durations.unit.as_str()), (4, "seconds"));
    let [metric] = &*durations.metric else { panic!("{durations:?}") };
    let labels: Vec<_> =
        metric.label.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
    assert_eq!(labels[2], ("http_route", "/a"));
    let histogram = metric.histogram.as_ref().unwrap();
    assert_eq!((histogram.sample_count, histogram.sample_sum), (5, 11.1));
    let buckets: Vec<_> =
        histogram.bucket.iter().map(|it| (it.upper_bound, it.cumulative_count)).collect();
    assert_eq!(buckets, [(0.01, 1), (1.0, 3), (f64::INFINITY, 5)]);
    assert_eq!((histogram.schema, histogram.zero_count), (2, 1));
    let spans: Vec<_> = histogram.positive_span.iter().map(|it| (it.offset, it.length)).collect();
    assert_eq!(spans, [(0, 2), (10, 1)]);
    assert_eq!(histogram.positive_delta, [2, -1, 0]);
    assert_eq!(histogram.exemplars.len(), 3);
    let exemplar = histogram.bucket[1].exemplar.as_ref().unwrap();
    assert_eq!(exemplar.label[0].value, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(exemplar.value, 1.0);
    assert!(exemplar.timestamp.as_ref().unwrap().seconds > 1_700_000_000);
    let dropped = &families[2].metric[0];
    assert_eq!(dropped.counter.as_ref().unwrap().value, 0.0);
}

/// Prometheus refuses a scrape with a native histogram that does not add up.
#[test]
fn a_native_histogram_adds_up_while_others_count() {
    let metrics = builder().native_histograms(true).build().unwrap();
    let over = AtomicBool::new(false);
    let counting = Barrier::new(3);
    let count = || {
        let inner = service_fn(|_: Request<()>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))))
        });
        let mut service = metrics.layer().layer(inner);
        let context = &mut Context::from_waker(Waker::noop());
        let mut call = || drop(pin!(service.call(Request::new(()))).poll(context));
        call();
        counting.wait();
        while !over.load(Relaxed) {
            call();
        }
    };
    let scrape = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        counting.wait();
        for _ in 0..2_000 {
            let families = proto::decode(&runtime.block_on(get(&metrics, PROTOBUF)).1);
            for metric in &families[0].metric {
                let histogram = metric.histogram.as_ref().unwrap();
                let mut bucket = 0;
                let buckets = histogram.positive_delta.iter().map(|delta| {
                    bucket += delta;
                    bucket as u64
                });
                let all = histogram.zero_count + buckets.sum::<u64>();
                assert_eq!(histogram.sample_count, all);
                assert_eq!(histogram.bucket.last().unwrap().cumulative_count, all);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(count), scope.spawn(count)];
        let scraped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(scrape));
        over.store(true, Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
        scraped.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn many_series_go_out_in_pages_that_make_the_whole() {
    let metrics = builder().build().unwrap();
    for n in 0..400 {
        count(&metrics, &format!("/{n}"), Duration::from_millis(n), None).await;
    }
    let request = Request::get("/metrics").body(()).unwrap();
    let mut body = metrics.scrape_service().oneshot(request).await.unwrap().into_body();
    let mut pages = Vec::new();
    while let Some(frame) = body.frame().await {
        pages.push(frame.unwrap().into_data().unwrap());
    }
    assert!(pages.len() > 3);
    assert!(pages.iter().all(|page| page.len() < 48 * 1024));
    let whole = String::from_utf8(pages.concat()).unwrap();
    assert_eq!(whole, metrics.to_text());
    assert_eq!(whole.matches("# TYPE http_server_request_duration_seconds ").count(), 1);
    let scrape: Scrape = whole.parse().unwrap();
    scrape.assert("http_server_request_duration_seconds_count", 400.0);
    let protobuf = proto::decode(&get(&metrics, PROTOBUF).await.1);
    assert_eq!(protobuf[0].metric.len(), 400);
}

#[cfg(feature = "gzip")]
#[tokio::test(start_paused = true)]
async fn gzip_unpacks_to_the_same() {
    use std::io::Read;

    let metrics = builder().build().unwrap();
    for n in 0..200 {
        count(&metrics, &format!("/{n}"), Duration::from_millis(n), None).await;
    }
    let request = Request::get("/metrics").header("accept-encoding", "gzip").body(()).unwrap();
    let answer = metrics.scrape_service().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["vary"], "accept, accept-encoding");
    let packed = answer.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    assert_eq!(text, metrics.to_text());
    assert!(packed.len() * 5 < text.len());
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let metrics = builder().build().unwrap();
    let app: Router = Router::new().route_service("/metrics", metrics.scrape_service());
    let call = async |method: Method| {
        let request = Request::builder().method(method).uri("/metrics");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts, body.collect().await.unwrap().to_bytes())
    };
    let (parts, body) = call(Method::POST).await;
    assert_eq!(parts.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(parts.headers["allow"], "GET, HEAD");
    assert!(body.is_empty());
    let (parts, body) = call(Method::HEAD).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(parts.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(parts.headers["cache-control"], "no-store");
    assert!(body.is_empty());
    assert!(!call(Method::GET).await.1.is_empty());
}

#[tokio::test]
async fn what_the_process_uses_is_shown() {
    let metrics = builder().build().unwrap();
    metrics.process();
    metrics.process();
    let scrape = metrics.scrape();
    if cfg!(target_os = "linux") {
        for name in [
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_threads",
            "process_start_time_seconds",
            "process_max_fds",
        ] {
            assert!(scrape.sum(name) > 0.0, "{name}");
            assert_eq!(scrape.series(name), 1, "{name}");
        }
        assert_eq!(scrape.series("process_cpu_seconds_total"), 1);
    }
    #[cfg(feature = "tokio")]
    {
        metrics.runtime(&tokio::runtime::Handle::current());
        let scrape = metrics.scrape();
        scrape.assert("tokio_workers", 1.0);
        assert_eq!(scrape.series("tokio_busy_seconds_total"), 1);
    }
}

#[cfg(feature = "prometheus")]
#[tokio::test(start_paused = true)]
async fn a_registry_of_prometheus_shows_the_same() {
    let metrics = builder().build().unwrap();
    count(&metrics, "/a", Duration::from_millis(250), None).await;
    let registry = prometheus::Registry::new();
    registry.register(Box::new(metrics.collector())).unwrap();
    assert!(registry.register(Box::new(metrics.collector())).is_err(), "it is there already");
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let theirs: Scrape = text.parse().unwrap();
    let ours = metrics.scrape();
    assert_eq!(theirs.len(), ours.len());
    for name in ["bucket", "count", "sum"] {
        let name = format!("http_server_request_duration_seconds_{name}");
        theirs.assert(&name, ours.sum(&name));
    }
    theirs.assert("http_server_request_duration_seconds_bucket{le=\"1\"}", 1.0);
}

/// The messages of Prometheus, as far as we write them.
mod proto {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct MetricFamily {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub help: String,
        #[prost(int32, tag = "3")]
        pub r#type: i32,
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
        #[prost(string, tag = "5")]
        pub unit: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Value>,
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Value>,
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct LabelPair {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub value: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Value {
        #[prost(double, tag = "1")]
        pub value: f64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Histogram {
        #[prost(uint64, tag = "1")]
        pub sample_count: u64,
        #[prost(double, tag = "2")]
        pub sample_sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        #[prost(sint32, tag = "5")]
        pub schema: i32,
        #[prost(double, tag = "6")]
        pub zero_threshold: f64,
        #[prost(uint64, tag = "7")]
        pub zero_count: u64,
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<Span>,
        #[prost(sint64, repeated, tag = "13")]
        pub positive_delta: Vec<i64>,
        #[prost(message, repeated, tag = "16")]
        pub exemplars: Vec<Exemplar>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Bucket {
        #[prost(uint64, tag = "1")]
        pub cumulative_count: u64,
        #[prost(double, tag = "2")]
        pub upper_bound: f64,
        #[prost(message, optional, tag = "3")]
        pub exemplar: Option<Exemplar>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Span {
        #[prost(sint32, tag = "1")]
        pub offset: i32,
        #[prost(uint32, tag = "2")]
        pub length: u32,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(double, tag = "2")]
        pub value: f64,
        #[prost(message, optional, tag = "3")]
        pub timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        while !bytes.is_empty() {
            families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
        }
        families
    }
}
