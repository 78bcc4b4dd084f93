//! What a server's deadlines do, on every host.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::StatusCode;
use tower_ready_core::{Deadline, LocalRejection};
use tower_ready_deadline::{Deadlines, DeadlinesBuilder, Event};
use tower_ready_testing::{Call, Route, Speaks, each_host};

/// Shorter than anybody's patience: for what is to take too long.
const SOON: Duration = Duration::from_millis(50);

/// Longer than an answer needs on a machine that is busy: for what has to begin in time.
const SOME: Duration = Duration::from_secs(1);

const HOUR: Duration = Duration::from_secs(3_600);

fn soon() -> Deadlines {
    Deadlines::builder().timeout(SOON).build().unwrap()
}

fn patient() -> DeadlinesBuilder {
    Deadlines::builder().timeout(HOUR)
}

/// A call whose caller waits that long.
///
/// Not `grpc-timeout`: with that, tonic's client may give up first, which is no news of ours.
fn within(millis: u64, call: Call) -> Call {
    call.header("x-request-timeout-ms", millis.to_string())
}

each_host! {
    async fn an_answer_in_time_passes_as_it_is(host) {
        let deadlines = patient().build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_ok();
        assert_eq!(reply.text(), "ok");
        let reply = server.call(Call::stream(3)).await;
        reply.assert_ok();
        assert_eq!(reply.messages(), ["chunk 0", "chunk 1", "chunk 2"]);
        assert_eq!(deadlines.stats(), tower_ready_deadline::Stats::default());
    }

    async fn the_timeout_ends_the_work_and_is_answered_as_such(host) {
        let deadlines = soon();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(Call::ok().gated()).await;
        reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        if server.speaks() == Speaks::Http {
            assert_eq!(reply.problem()["code"], "TIMEOUT");
        }
        server.probe().until(|counts| counts.abandoned == 1 && counts.concurrent == 0).await;
        assert_eq!(deadlines.stats().expired, 1);
    }

    async fn a_caller_shortens_its_own_time_and_no_other(host) {
        let deadlines = patient().build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let patient = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        let reply = server.call(within(50, Call::ok().gated().on(Route::B))).await;
        reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        server.probe().until(|counts| counts.waiting == 1 && counts.abandoned == 1).await;
        server.probe().release(1);
        patient.await.assert_ok();
    }

    async fn a_handler_finds_what_is_left(host) {
        let server = host.serve(patient().build().unwrap().layer()).await;
        server.call(within(1_800_000, Call::ok())).await.assert_ok();
        let deadline: Deadline = *server.probe().last_seen().extension().unwrap();
        let left = deadline.remaining(tower_ready_core::Instant::now());
        assert!(left <= HOUR / 2 && left > HOUR / 3, "{left:?}");
    }

    async fn a_call_without_enough_time_is_not_begun(host) {
        let deadlines = patient().floor(Duration::from_millis(20)).build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        for millis in [0, 1, 20] {
            let reply = server.call(within(millis, Call::ok())).await;
            reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        }
        assert_eq!((server.hits(), deadlines.stats().spent), (0, 3));
    }

    async fn hostile_headers_count_for_nothing(host) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let deadlines = patient().on_event(move |event: &Event<'_>| {
            if let Event::Junk { header, .. } = event {
                ears.lock().unwrap().push((*header).to_owned());
            }
        });
        let deadlines = deadlines.build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let name = "x-request-timeout-ms";
        for value in ["99999999999", "-1", "", "soon", "1e9", "\u{663}", "18446744073709551616"] {
            server.call(Call::ok().header(name, value)).await.assert_ok();
        }
        server.call(Call::ok().header(name, "1").header(name, "1")).await.assert_ok();
        for value in ["99999999999H", "123456789S", "-1S", "1S", "S", ""] {
            server.call(Call::ok().header("connect-timeout-ms", value)).await.assert_ok();
        }
        assert_eq!((server.hits(), deadlines.stats().junk), (14, 14));
        let heard = heard.lock().unwrap();
        assert_eq!(heard.iter().filter(|header| *header == name).count(), 8);
    }

    async fn an_exempt_call_may_take_for_ever_unless_its_caller_says_otherwise(host) {
        let deadlines = Deadlines::builder().timeout(SOON).exempt(|head| {
            head.uri().path().ends_with("/b") || head.uri().path().ends_with("/B")
        });
        let server = host.serve(deadlines.build().unwrap().layer()).await;
        let exempt = server.start(Call::ok().gated().on(Route::B));
        server.probe().until(|counts| counts.waiting == 1).await;
        let reply = server.call(Call::ok().gated()).await;
        reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        let call = within(50, Call::ok().gated().on(Route::B));
        server.call(call).await.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        server.probe().until(|counts| counts.abandoned == 2).await;
        assert!(!exempt.is_finished());
        server.probe().release(1);
        exempt.await.assert_ok();
    }

    async fn a_disabled_layer_is_none(host) {
        let server = host.serve(soon().layer().enabled(false)).await;
        let call = server.start(within(0, Call::ok()));
        call.await.assert_ok();
        assert!(server.probe().last_seen().extension::<Deadline>().is_none());
    }

    /// tonic's own timers, of server and channel, say `CANCELLED`.
    #[hosts(tonic, tonic_in_axum)]
    async fn a_grpc_caller_hears_before_it_gives_up_itself(host) {
        // Half of it at most, which leaves a machine that is busy two seconds.
        let deadlines = patient().margin(SOME * 4).build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(Call::ok().gated().header("grpc-timeout", "4S")).await;
        reply.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        assert_eq!(reply.grpc().message(), "The request took too long");
        assert_eq!(deadlines.stats().expired, 1);
    }

    #[hosts(tonic, tonic_in_axum)]
    async fn the_status_of_a_stream_that_takes_too_long_says_so(host) {
        let deadlines = patient().build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(within(1_000, Call::stream(2).then_wait())).await;
        assert_eq!(reply.messages(), ["chunk 0", "chunk 1"]);
        assert_eq!(reply.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(reply.trailers().get("grpc-status").unwrap(), "4");
        assert!(!reply.trailers().contains_key("content-type"));
        server.probe().until(|counts| counts.concurrent == 0).await;
        assert_eq!((deadlines.stats().expired, deadlines.stats().cut), (0, 1));
    }

    #[hosts(axum, hyper)]
    async fn a_body_over_http_has_all_the_time_it_wants(host) {
        let deadlines = Deadlines::builder().timeout(SOME).build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let mut stream = server.stream(Call::stream(2).then_wait()).await;
        assert!(stream.message().await.is_some());
        // More than its time passes on another call.
        server.call(Call::ok().gated()).await.assert_rejected(StatusCode::GATEWAY_TIMEOUT, 4);
        server.probe().release(1);
        stream.finish().await.assert_ok();
    }

    #[hosts(axum, hyper)]
    async fn a_body_over_http_that_is_covered_breaks_off(host) {
        let deadlines = Deadlines::builder().timeout(SOME).http_bodies(true).build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(Call::stream(2).then_wait()).await;
        assert!(!reply.is_ok(), "{reply:?}");
        server.probe().until(|counts| counts.concurrent == 0).await;
        assert_eq!(deadlines.stats().cut, 1);
    }

    async fn a_body_that_falls_silent_is_ended(host) {
        let deadlines = patient().idle(SOME).exempt(|_| true).build().unwrap();
        let server = host.serve(deadlines.layer()).await;
        let reply = server.call(Call::stream(2).then_wait()).await;
        assert!(!reply.is_ok(), "{reply:?}");
        if server.speaks() == Speaks::Grpc {
            assert_eq!(reply.code(), tonic::Code::DeadlineExceeded);
        }
        server.probe().until(|counts| counts.concurrent == 0).await;
        assert_eq!(deadlines.stats().idle, 1);
        server.call(Call::stream(200)).await.assert_ok();
    }

    async fn work_is_dropped_when_the_caller_leaves(host) {
        let server = host.serve(patient().build().unwrap().layer()).await;
        let call = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        server.probe().until(|counts| counts.abandoned == 1).await;
    }
}

#[tokio::test]
async fn only_what_was_not_begun_is_a_rejection_of_ours() {
    use tower::{Layer, Service};

    let inner = tower::service_fn(|_: http::Request<()>| {
        std::future::pending::<Result<http::Response<http_body_util::Empty<bytes::Bytes>>, ()>>()
    });
    for (asked, expected) in [("0", Some(LocalRejection::new("deadline", "spent"))), ("20", None)] {
        let request = http::Request::get("/").header("x-request-timeout-ms", asked);
        let mut service = patient().build().unwrap().layer().layer(inner);
        let response = service.call(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(response.extensions().get::<LocalRejection>().copied(), expected);
    }
}
