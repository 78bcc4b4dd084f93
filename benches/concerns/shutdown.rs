//! Requests in flight: what it costs to count them while nothing else happens.

use std::time::Duration;

use http::{Request, Version};
use tower_http::metrics::InFlightRequestsLayer;
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, call};
use tower_ready_core::Route;
use tower_ready_shutdown::{Lifecycle, Timings};

use crate::requests::{get, grpc};

fn lifecycle() -> Lifecycle {
    // A lame duck that outlasts the bench.
    let hour = Duration::from_secs(60 * 60);
    let timings = Timings::new(hour, hour);
    let lifecycle = Lifecycle::builder().timings(timings).build().expect("it is valid");
    lifecycle.ready();
    lifecycle
}

fn http1() -> Request<()> {
    let mut request = get();
    *request.version_mut() = Version::HTTP_11;
    request
}

pub(crate) fn cases(cases: &mut Cases) {
    let ready = lifecycle();
    let leaving = lifecycle();
    leaving.drain();
    let exempt = ready.layer().exempt(|head| head.uri().path() == "/livez");
    let described = ready.layer().describe(|_| Route::from_static("/orders/{id}"));
    let (peer, _) = InFlightRequestsLayer::pair();
    cases
        .over("in flight", "a no-op service", call(&http1(), NoOp))
        .ours("ready", call(&http1(), ready.layer().layer(NoOp)))
        .ours("with an exemption", call(&http1(), exempt.layer(NoOp)))
        .ours("with a description", call(&http1(), described.layer(NoOp)))
        .ours("draining", call(&http1(), leaving.layer().layer(NoOp)))
        .peer("tower-http InFlightRequests", call(&http1(), peer.layer(NoOp)));
    cases
        .over("in flight, gRPC", "a no-op service", call(&grpc(), NoOp))
        .ours("ready", call(&grpc(), ready.layer().layer(NoOp)));
}
