//! What callers see of a breaker on every host, over real sockets.

mod support;

use std::time::Duration;

use http::StatusCode;
use support::builder;
use tonic_types::StatusExt;
use tower_ready_breaker::{Breaker, State};
use tower_ready_testing::{Call, Reply, Route, Speaks, each_host};

const FAILING: (StatusCode, i32) = (StatusCode::INTERNAL_SERVER_ERROR, 13);

fn fail() -> Call {
    Call::fail(FAILING.0, FAILING.1, "broken")
}

fn breaker() -> Breaker {
    builder().min_calls(3).open_for([Duration::from_secs(3_600)]).build().unwrap()
}

#[track_caller]
fn assert_open(reply: &Reply, speaks: Speaks) {
    reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
    if speaks == Speaks::Http {
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{wait}");
        let problem = reply.problem();
        assert_eq!(problem["code"], "CIRCUIT_OPEN");
        assert!(!problem.to_string().contains("orders"), "the breaker's name is not for callers");
    } else {
        let wait: u64 = reply.header("grpc-retry-pushback-ms").unwrap().parse().unwrap();
        assert!((3_500_000..=3_600_000).contains(&wait), "{wait}");
        let details = reply.grpc().get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "CIRCUIT_OPEN");
    }
}

each_host! {
    async fn a_rejection_is_understood(host) {
        let breaker = breaker();
        let server = host.serve(breaker.layer()).await;
        for _ in 0..3 {
            server.call(fail()).await.assert_rejected(FAILING.0, FAILING.1);
        }
        assert_eq!(breaker.state(), State::Open);
        assert_open(&server.call(Call::ok()).await, host.speaks());
        assert_open(&server.call(Call::stream(2)).await, host.speaks());
        assert_eq!(server.hits(), 3, "nothing reached the handler");
    }

    // 58
    async fn one_circuit_across_routes_and_connections(host) {
        let breaker = breaker();
        let server = host.serve(breaker.layer()).await;
        for route in Route::ALL {
            server.connect().call(fail().on(route)).await.assert_rejected(FAILING.0, FAILING.1);
        }
        assert_eq!(breaker.state(), State::Open);
        for route in Route::ALL {
            assert_open(&server.connect().call(Call::ok().on(route)).await, host.speaks());
        }
    }

    async fn good_answers_pass_whole_and_count_once(host) {
        let breaker = breaker();
        let server = host.serve(breaker.layer()).await;
        for _ in 0..3 {
            server.call(Call::ok()).await.assert_ok();
            let stream = server.call(Call::stream(3)).await;
            assert_eq!(stream.messages(), ["chunk 0", "chunk 1", "chunk 2"]);
        }
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.totals.successes, snapshot.totals.failures), (6, 0), "{snapshot:?}");
    }

    /// The head of such an answer is good, and over gRPC so is its HTTP status to the end.
    async fn a_stream_that_breaks_opens_it(host) {
        let breaker = breaker();
        let server = host.serve(breaker.layer()).await;
        for _ in 0..3 {
            assert!(!server.call(Call::stream(1).then_break()).await.is_ok());
        }
        assert_eq!(breaker.state(), State::Open);
        assert_open(&server.call(Call::ok()).await, host.speaks());
    }

    async fn a_handler_that_panics_opens_it(host) {
        let breaker = breaker();
        let server = host.serve(breaker.layer()).await;
        for _ in 0..3 {
            assert!(!server.call(Call::panic()).await.is_ok());
        }
        assert_eq!(breaker.state(), State::Open);
    }

    async fn a_caller_that_hangs_up_says_nothing(host) {
        // However long it waited: on a machine that is busy that may be a while.
        let breaker = builder().min_calls(3).never_abandoned().build().unwrap();
        let server = host.serve(breaker.layer()).await;
        for abandoned in 1..=5 {
            let call = server.start(Call::ok().gated());
            server.until(|counts| counts.waiting == 1).await;
            call.hang_up().await;
            server.until(|counts| counts.abandoned == abandoned).await;
        }
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.state, snapshot.window.total()), (State::Closed, 0));
        assert_eq!(snapshot.dropped, 5);
    }

    async fn it_probes_and_closes(host) {
        let breaker = builder().min_calls(3).open_for([Duration::ZERO]).build().unwrap();
        let server = host.serve(breaker.layer()).await;
        for _ in 0..3 {
            server.call(fail()).await.assert_rejected(FAILING.0, FAILING.1);
        }
        // One probe is in the handler; whoever comes meanwhile is rejected.
        let probe = server.start(Call::ok().gated());
        server.until(|counts| counts.waiting == 1).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.release(1);
        probe.await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
        assert_eq!(breaker.state(), State::Closed);
    }
}
