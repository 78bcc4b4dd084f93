//! Bulkheads: what a slot costs, and what a refusal does.

use std::time::Duration;

use http::Request;
use tower::{limit::ConcurrencyLimitLayer, load_shed::LoadShedLayer};
use tower_layer::Layer;
use tower_ready_benches::{Cases, NoOp, call};
use tower_ready_shed::{Adaptive, Bulkhead, Priority, Queue};
use tower_service::Service;

use crate::requests::{get, grpc};

pub(crate) fn cases(cases: &mut Cases) {
    let fixed = Bulkhead::builder().build().expect("it is valid");
    let all = Bulkhead::builder()
        .queue(Queue::new(100, Duration::from_secs(1)))
        .priority(|_| Priority::Normal)
        .exempt(|head| head.uri().path() == "/livez");
    let all = all.build().expect("it is valid");
    let adaptive = Bulkhead::builder().adaptive(Adaptive::gradient().least(20));
    let adaptive = adaptive.build().expect("it is valid");
    let peer = ConcurrencyLimitLayer::new(512);
    let both = LoadShedLayer::new();
    cases
        .over("admitted", "a no-op service", call(&get(), NoOp))
        .ours("a limit", call(&get(), fixed.layer().layer(NoOp)))
        .ours("queue, priority, exemption", call(&get(), all.layer().layer(NoOp)))
        .ours("an adaptive limit", call(&get(), adaptive.layer().layer(NoOp)))
        .peer("tower ConcurrencyLimit", call(&get(), peer.layer(NoOp)))
        .peer("tower LoadShed over it", call(&get(), both.layer(peer.layer(NoOp))));
    cases
        .over("admitted, gRPC", "a no-op service", call(&grpc(), NoOp))
        .ours("a limit", call(&grpc(), fixed.layer().layer(NoOp)));

    let full = Bulkhead::builder().limit(1).build().expect("it is valid");
    // Its body is never read, so the slot is never given back.
    Box::leak(Box::new(hold(full.layer().layer(NoOp))));
    let full_too = full.clone();
    cases
        .over("refused", "a no-op service", call(&get(), NoOp))
        .ours("a problem", call(&get(), full.layer().layer(NoOp)));
    cases
        .over("refused, gRPC", "a no-op service", call(&grpc(), NoOp))
        .ours("a problem", call(&grpc(), full_too.layer().layer(NoOp)));
}

/// A call that has a slot for good.
fn hold<S>(mut service: S) -> S::Future
where
    S: Service<Request<()>>,
{
    service.call(get())
}
