//! The life of a process shows up in a scrape, from its start to its end.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_obs::Metrics;
use tower_ready_shutdown::{Lifecycle, Phase, Timings};

async fn ok(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ok".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn phases_and_what_is_in_flight_are_shown() {
    let metrics = Metrics::builder().build().unwrap();
    let timings = Timings::default();
    let lifecycle =
        Lifecycle::builder().timings(timings).on_event(metrics.events()).build().unwrap();
    metrics.watch_lifecycle(&lifecycle);
    let is_in = |phase: &str| {
        let scrape = metrics.scrape();
        scrape.assert(&format!(r#"tower_ready_lifecycle_phase{{phase="{phase}"}}"#), 1.0);
        scrape.assert("tower_ready_lifecycle_phase", 1.0);
    };
    is_in("starting");

    let service = lifecycle.layer().layer(service_fn(ok));
    let answer = service.oneshot(Request::new(())).await.unwrap();
    metrics.scrape().assert("tower_ready_lifecycle_in_flight", 1.0);
    metrics.scrape().assert("tower_ready_lifecycle_connections", 0.0);
    drop(answer);
    metrics.scrape().assert("tower_ready_lifecycle_in_flight", 0.0);

    lifecycle.on_stop("flush", || async {});
    let run = tokio::spawn({
        let lifecycle = lifecycle.clone();
        async move { lifecycle.run(lifecycle.graceful()).await }
    });
    lifecycle.phases().until(|phase| phase == Phase::Ready).await;
    is_in("ready");
    lifecycle.drain();
    is_in("draining");
    let report = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    assert!(report.is_clean());
    is_in("stopped");

    let scrape = metrics.scrape();
    for phase in ["ready", "draining", "closing", "stopping", "stopped"] {
        let labels = format!(r#"event="phase",phase="{phase}""#);
        scrape.assert(&format!("tower_ready_shutdown_events_total{{{labels}}}"), 1.0);
    }
    scrape.assert(r#"tower_ready_shutdown_events_total{event="ended"}"#, 1.0);
    scrape.assert(r#"tower_ready_shutdown_events_total{event="over"}"#, 1.0);
}
