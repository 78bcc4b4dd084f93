//! What the layer does on every host.

use std::{future::pending, time::Duration};

use http::StatusCode;
use tower_ready_core::Route as RouteName;
use tower_ready_shutdown::{LeftoverKind, Lifecycle, Phase, Timings};
use tower_ready_testing::{Call, Route, Speaks, each_host};

/// With a lame duck that is over when the test says so.
fn lifecycle() -> Lifecycle {
    let day = Duration::from_secs(60 * 60);
    let timings = Timings::new(day, day);
    let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
    lifecycle.ready();
    lifecycle
}

/// Leads it to `Closing`, and keeps it there.
async fn close(lifecycle: &Lifecycle) {
    let conducted = lifecycle.clone();
    tokio::spawn(async move { conducted.run(pending::<()>()).await });
    lifecycle.close();
    lifecycle.phases().until(|phase| phase == Phase::Closing).await;
}

each_host! {
    async fn a_request_is_in_flight_to_the_end_of_its_body(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer()).await;
        assert_eq!(lifecycle.in_flight(), 0);
        let mut stream = server.stream(Call::stream(1).then_wait()).await;
        assert!(stream.message().await.is_some());
        assert_eq!(lifecycle.in_flight(), 1);
        server.probe().release(1);
        stream.finish().await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
        assert_eq!(lifecycle.in_flight(), 0);
    }

    async fn one_count_across_routes_and_connections(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer()).await;
        let other = server.connect();
        let first = server.start(Call::ok().gated().on(Route::A));
        let second = server.start(Call::ok().gated().on(Route::B));
        let third = other.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 3).await;
        assert_eq!(lifecycle.in_flight(), 3);
        server.probe().release(3);
        for call in [first, second, third] {
            call.await.assert_ok();
        }
    }

    async fn a_count_survives_hang_ups_broken_bodies_and_panics(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer()).await;
        let call = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        server.probe().until(|counts| counts.concurrent == 0).await;
        assert!(!server.call(Call::stream(1).then_break()).await.is_ok());
        let _ = server.connect().call(Call::stream(1).then_panic()).await;
        let reply = server.connect().call(Call::fail(StatusCode::CONFLICT, 10, "taken")).await;
        reply.assert_rejected(StatusCode::CONFLICT, 10);
        // Until the last of the hosts' tasks is over.
        while lifecycle.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[hosts(axum, hyper)]
    async fn clients_are_told_to_go_once_nobody_is_accepted(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer()).await;
        assert_eq!(server.call(Call::ok()).await.header("connection"), None);
        close(&lifecycle).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_ok();
        assert_eq!(reply.header("connection"), Some("close"));
    }

    #[hosts(tonic, tonic_in_axum)]
    async fn http2_has_no_such_header(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer()).await;
        close(&lifecycle).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_ok();
        assert_eq!(reply.header("connection"), None);
    }

    async fn whoever_still_comes_may_be_turned_away(host) {
        let lifecycle = lifecycle();
        let server = host.serve(lifecycle.layer().reject_when_closing(true)).await;
        lifecycle.drain();
        server.call(Call::ok()).await.assert_ok();
        close(&lifecycle).await;
        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        if server.speaks() == Speaks::Http {
            assert_eq!(reply.header("connection"), Some("close"));
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3).contains(&seconds));
        }
        assert_eq!(server.hits(), 1);
    }

    async fn an_exempt_request_is_neither_counted_nor_turned_away(host) {
        let lifecycle = lifecycle();
        let layer = lifecycle.layer().reject_when_closing(true).exempt(|_| true);
        let server = host.serve(layer).await;
        let call = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        assert_eq!(lifecycle.in_flight(), 0);
        close(&lifecycle).await;
        server.probe().release(1);
        let reply = call.await;
        reply.assert_ok();
        assert_eq!(reply.header("connection"), None);
    }

    async fn a_report_names_what_was_cut(host) {
        let timings = Timings::new(Duration::ZERO, Duration::ZERO);
        let lifecycle = Lifecycle::builder().timings(timings).build().unwrap();
        let layer = lifecycle.layer().describe(|head| RouteName::from(head.uri().path()));
        let server = host.serve(layer).await;
        let call = server.start(Call::ok().gated().header("x-request-id", "7f3a"));
        server.probe().until(|counts| counts.waiting == 1).await;
        lifecycle.drain();
        let report = lifecycle.run(pending::<()>()).await;
        assert_eq!((report.work_cut(), report.is_clean()), (1, false));
        let leftover = &report.leftovers()[0];
        assert_eq!(leftover.kind, LeftoverKind::Request);
        assert_eq!(leftover.request_id.as_deref(), Some("7f3a"));
        let what = leftover.what.clone().unwrap();
        assert!(what.starts_with("GET /") || what.starts_with("POST /"), "{what}");
        assert!(report.to_string().contains(&what));
        drop(call);
    }
}
