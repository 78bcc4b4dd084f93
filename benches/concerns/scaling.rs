//! What grows with the number of layers, policies, routes and series. Keys are with `ratelimit`.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderName, Request, Response};
use http_body::Body;
use tower::ServiceBuilder;
use tower_layer::Layer;
use tower_ready_auth::Auth;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_core::Route;
use tower_ready_deadline::Deadlines;
use tower_ready_obs::{Metrics, RouteTable, Tracing};
use tower_ready_problem::Problems;
use tower_ready_ratelimit::{Fields, Policy, Quota, RateLimitLayer, RateLimiter, key};
use tower_ready_shed::Bulkhead;
use tower_ready_shutdown::Lifecycle;
use tower_service::Service;

use crate::{requests::get, stacks::tokens};

pub(crate) fn cases(cases: &mut Cases) {
    layers(cases);
    policies(cases);
    routes(cases);
    series(cases);
}

/// The stack as it grows, from the outside in.
fn layers(cases: &mut Cases) {
    let token = tokens::hs256("alice");
    let mut request = get();
    let bearer = format!("Bearer {}", token.text).parse().expect("a value");
    request.headers_mut().insert("authorization", bearer);

    let lifecycle = Lifecycle::builder().build().unwrap().layer();
    let metrics = Metrics::builder().build().unwrap().layer();
    let deadlines = Deadlines::builder().timeout(Duration::from_secs(3_600)).build().unwrap();
    let auth = Auth::builder().jwt(tokens::verifier(&token)).no_throttle().build().unwrap();
    let one = ServiceBuilder::new().layer(lifecycle);
    let two = one.clone().layer(Tracing::builder().build().unwrap().layer());
    let three = two.clone().layer(metrics);
    let four = three.clone().layer(Problems::builder().build().unwrap().layer());
    let five = four.clone().layer(deadlines.layer());
    let six = five.clone().layer(Bulkhead::builder().build().unwrap().layer());
    let seven = six.clone().layer(limits(1));
    let eight = seven.clone().layer(auth.layer());
    let nine = eight.clone().layer(limits(1));
    cases
        .over("layers", "a no-op service", call(&request, NoOp))
        .ours("1: shutdown", call(&request, one.service(NoOp)))
        .ours("2: and trace", call(&request, two.service(NoOp)))
        .ours("3: and metrics", call(&request, three.service(NoOp)))
        .ours("4: and problem", call(&request, four.service(NoOp)))
        .ours("5: and deadline", call(&request, five.service(NoOp)))
        .ours("6: and shed", call(&request, six.service(NoOp)))
        .ours("7: and ratelimit", call(&request, seven.service(NoOp)))
        .ours("8: and auth, HS256", call(&request, eight.service(NoOp)))
        .ours("9: and another ratelimit", call(&request, nine.service(NoOp)));
}

fn policies(cases: &mut Cases) {
    cases
        .over("policies of a limiter", "a no-op service", call(&get(), NoOp))
        .ours("1", call(&get(), limits(1).layer(NoOp)))
        .ours("2", call(&get(), limits(2).layer(NoOp)))
        .ours("4", call(&get(), limits(4).layer(NoOp)))
        .ours("8", call(&get(), limits(8).layer(NoOp)));
}

fn limits(policies: usize) -> RateLimitLayer {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const KEY: HeaderName = HeaderName::from_static("x-forwarded-for");

    let quota = Quota::per_second(1_000_000_000);
    let limiter = NAMES[..policies].iter().fold(RateLimiter::builder(), |limiter, name| {
        limiter.policy(Policy::new(*name, quota).key(key::header(KEY)))
    });
    limiter.fields(Fields::None).build().unwrap().layer()
}

fn routes(cases: &mut Cases) {
    // The last one of them is asked for.
    let table = |routes: usize| {
        let others = (1..routes).map(|n| format!("/things-{n}/{{id}}"));
        let routes: Vec<_> = others.chain(["/orders/{id}".to_owned()]).collect();
        Metrics::builder().routes(RouteTable::new(&routes)).build().unwrap().layer()
    };
    cases
        .over("routes of a table", "a no-op service", call(&get(), NoOp))
        .ours("1", call(&get(), table(1).layer(NoOp)))
        .ours("100", call(&get(), table(100).layer(NoOp)))
        .ours("1,000", call(&get(), table(1_000).layer(NoOp)));
}

fn series(cases: &mut Cases) {
    // Each request is of another route, so that each touches a series of its own.
    let counted = |routes: usize| {
        let template = |n| Route::from(format!("/things-{n}/{{id}}").as_str());
        let routes: Vec<_> = (0..routes).map(template).collect();
        let next = AtomicUsize::new(0);
        let builder = Metrics::builder().max_series(20_000);
        let builder = builder.route_by(move |_| {
            let n = next.fetch_add(7_919, Relaxed);
            Some(routes[n % routes.len()].clone())
        });
        builder.build().unwrap().layer().layer(NoOp)
    };
    cases
        .over("series of metrics", "a no-op service", call(&get(), NoOp))
        .ours("1", call(&get(), counted(1)))
        .ours("1,000", filled(counted(1_000)))
        .ours("10,000", filled(counted(10_000)));
}

/// Such a service after it has seen all there is.
fn filled<S, B>(service: S) -> Repeat
where
    S: Service<Request<()>, Response = Response<B>> + 'static,
    B: Body,
{
    let mut repeat = call(&get(), service);
    repeat.run(20_000);
    repeat
}
