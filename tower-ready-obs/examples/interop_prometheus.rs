//! A service whose metrics others read: routes with odd names, calls, streams, failures, traces,
//! rejections, an overflow.
//!
//! Run with `cargo run -p tower-ready-obs --all-features --example interop_prometheus -- 9464` (0
//! picks a free port) and look at `/metrics`. It ends when its standard input does. `cargo xtask
//! interop prometheus` lets Prometheus' own tools read it.

use std::{
    convert::Infallible,
    env,
    io::{self, Read, Write},
    net::Ipv4Addr,
};

use axum::{Router, body::Body};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::{net::TcpListener, runtime::Handle, sync::oneshot};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_core::{LocalRejection, Route, grpc::Code};
use tower_ready_obs::{GrpcMethods, Metrics};
use tower_ready_problem::{Caller, Problem};

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

fn metrics() -> Result<Metrics, Box<dyn std::error::Error>> {
    let methods = GrpcMethods::new()
        .service("orders.v1.Orders", ["Get", "Create"])
        .streaming("orders.v1.Orders", ["Watch"]);
    let metrics = Metrics::builder()
        .grpc(methods)
        .native_histograms(true)
        .body_sizes(true)
        .max_series(60)
        .build()?;
    metrics.build_info("interop", "1.0.0 \"quoted\" \\ and\nbroken");
    metrics.process();
    metrics.runtime(&Handle::current());
    metrics.gauge("interop_temperature_celsius", "May be below zero, or \"none\".", || -2.5)?;
    metrics.gauge("interop_nothing", "No number at all.", || f64::NAN)?;
    metrics.counter("interop_orders_shipped", "Counts \\ and\nbreaks lines.", || u64::MAX)?;
    metrics.initialize(&Method::GET, "/initialized", [StatusCode::OK]);
    metrics.initialize_grpc("orders.v1.Orders/Create", [Code::Ok, Code::Unavailable]);
    Ok(metrics)
}

/// One request through the server's layer, or through the client's.
async fn count(
    metrics: &Metrics,
    route: &str,
    status: u16,
    headers: &[(&'static str, &'static str)],
) {
    let rejects = status == 429;
    let inner = service_fn(move |request: Request<Body>| async move {
        if rejects {
            let rejection = LocalRejection::new("ratelimit", "quota");
            let problem = Problem::status(StatusCode::TOO_MANY_REQUESTS).rejected_by(rejection);
            return Ok::<_, Infallible>(problem.answer(&Caller::of(&request)).map(Body::from));
        }
        let mut response = Response::new(Body::from("ok"));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        if request.headers().get("accept").is_some_and(|it| it == "text/event-stream") {
            let kind = HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert("content-type", kind);
        }
        Ok(response)
    });
    let mut request = Request::post("http://orders.internal:8080/orders.v1.Orders/Get");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let Ok(mut request) = request.body(Body::empty()) else {
        return;
    };
    request.extensions_mut().insert(Route::from(route));
    let layer = match route {
        "client" => metrics.client_layer(),
        _ => metrics.layer(),
    };
    let Ok(answer) = layer.layer(inner).oneshot(request).await;
    drop(answer.into_body().collect().await);
}

async fn fill(metrics: &Metrics) {
    let grpc = ("content-type", "application/grpc");
    for route in [
        "/orders/{id}",
        "/quo\"tes",
        "/back\\slash",
        "/new\nline",
        "/\u{fc}n\u{ef}code/\u{1f600}",
        "client",
    ] {
        for status in [200, 404, 429, 503] {
            count(metrics, route, status, &[("traceparent", SAMPLED), ("content-length", "17")])
                .await;
        }
        count(metrics, route, 200, &[("accept", "text/event-stream")]).await;
        count(metrics, route, 200, &[grpc, ("traceparent", SAMPLED)]).await;
    }
    for n in 0..100 {
        count(metrics, &format!("/too/many/{n}"), 200, &[]).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = env::args().nth(1).map_or(Ok(9464), |port| port.parse())?;
    let metrics = metrics()?;
    fill(&metrics).await;
    let app: Router = Router::new().route_service("/metrics", metrics.scrape_service());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;

    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        // Nobody is left to hear of it when the server has ended by itself.
        let _ = stop.send(());
    });
    let stopped = async { drop(stopped.await) };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    Ok(())
}
