//! The layer on tonic's channel: what a gRPC client sees of a peer that fails in its trailers.

mod support;

use std::time::Duration;

use support::builder;
use tonic::{Code, Status, transport::Endpoint};
use tower::Layer;
use tower_layer::Identity;
use tower_ready_breaker::State;
use tower_ready_testing::{
    hosts::Tonic,
    probe::proto::{Behaviour, Ending, probe_client::ProbeClient},
};

fn wish(set: impl FnOnce(&mut Behaviour)) -> Behaviour {
    let mut wish = Behaviour::default();
    set(&mut wish);
    wish
}

#[tokio::test]
async fn a_channel_opens_by_codes_and_broken_streams_and_closes_again() {
    let server = Tonic.serve(Identity::new()).await;
    let uri = format!("http://{}", server.address());
    let breaker =
        builder().consecutive_failures(3).open_for([Duration::from_secs(3_600)]).build().unwrap();
    let channel = Endpoint::from_shared(uri).unwrap().connect_lazy();
    let mut client = ProbeClient::new(breaker.layer().layer(channel));

    // A code of the caller's own fault says that the peer is well.
    for _ in 0..5 {
        let not_found = wish(|it| (it.fail, it.code) = (true, Code::NotFound as i32));
        assert_eq!(client.a(not_found).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(breaker.snapshot().window.successes, 5);

    for _ in 0..2 {
        let unavailable = wish(|it| (it.fail, it.code) = (true, Code::Unavailable as i32));
        assert_eq!(client.a(unavailable).await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(breaker.state(), State::Closed);
    let breaks = wish(|it| {
        it.chunks = Some(1);
        it.set_ending(Ending::Break);
    });
    let mut stream = client.stream(breaks).await.unwrap().into_inner();
    assert_eq!(breaker.state(), State::Closed, "its head is good");
    while let Ok(Some(_)) = stream.message().await {}
    assert_eq!(breaker.state(), State::Open, "its trailers are not");

    let hits = server.hits();
    let rejected: Status = client.a(Behaviour::default()).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unavailable);
    let pushback = rejected.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert!(pushback.to_str().unwrap().parse::<u64>().unwrap() > 3_500_000);
    assert_eq!(server.hits(), hits);

    breaker.reset();
    breaker.suspect();
    for _ in 0..2 {
        assert_eq!(breaker.state(), State::HalfOpen);
        client.a(Behaviour::default()).await.unwrap();
    }
    assert_eq!(breaker.state(), State::Closed);
}
