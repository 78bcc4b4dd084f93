//! A gRPC client that is paced waits as long as a limited server asks for, instead of storming it.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, transport::Endpoint};
use tower::Layer;
use tower_ready_ratelimit::{Fields, Policy, Quota, RateLimiter, client::Pace};
use tower_ready_testing::{
    hosts::Tonic,
    probe::proto::{Behaviour, probe_client::ProbeClient},
};

#[tokio::test(start_paused = true)]
async fn a_tonic_client_waits_for_the_pushback() {
    let policy = Policy::new("all", Quota::per_minute(60).burst(1));
    // With fields on good answers too, the client would not run into the limit in the first place.
    let limiter = RateLimiter::builder().policy(policy).fields(Fields::None).build().unwrap();
    let server = Tonic.serve(limiter.layer()).await;
    let pace = Pace::new(Quota::per_second(10_000)).unwrap().longest_wait(Duration::from_secs(5));
    let uri = format!("http://{}", server.address());
    let channel = Endpoint::from_shared(uri).unwrap().connect_lazy();
    let mut client = ProbeClient::new(pace.layer().layer(channel));

    let started = Instant::now();
    let mut is_refused = Vec::new();
    for _ in 0..10 {
        is_refused.push(match client.a(Behaviour::default()).await {
            Ok(_) => false,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                true
            }
        });
    }
    // Whoever was refused waits, and passes then. A client that storms passes once.
    assert!(is_refused.windows(2).all(|pair| pair != [true, true]), "{is_refused:?}");
    let refused = is_refused.iter().filter(|refused| **refused).count() as u64;
    assert!(refused >= 1, "the client went to its limit");
    assert!(started.elapsed() >= Duration::from_millis(950 * (refused - 1)), "{is_refused:?}");
    assert_eq!(limiter.stats("all").unwrap().refused, refused);
}
