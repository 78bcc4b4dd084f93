//! What a bulkhead does on every host.

use http::StatusCode;
use tower_ready_core::LocalRejection;
use tower_ready_shed::{Bulkhead, BulkheadBuilder, EXHAUSTED, Event, Priority};
use tower_ready_testing::{Call, Route, Speaks, each_host};

fn limit(limit: usize) -> BulkheadBuilder {
    Bulkhead::builder().limit(limit)
}

each_host! {
    async fn whoever_finds_no_slot_is_told_when_to_come_back(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let held = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;

        let reply = server.call(Call::ok()).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        if server.speaks() == Speaks::Http {
            assert_eq!(reply.problem()["code"], "OVERLOADED");
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=2).contains(&seconds));
        } else {
            let millis: u64 = reply.header("grpc-retry-pushback-ms").unwrap().parse().unwrap();
            assert!((500..=1_501).contains(&millis));
        }
        assert_eq!((server.hits(), bulkhead.in_flight(), bulkhead.stats().full), (1, 1, 1));

        server.probe().release(1);
        held.await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
    }

    async fn one_limit_across_routes(host) {
        let bulkhead = limit(2).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let first = server.start(Call::ok().gated().on(Route::A));
        let second = server.start(Call::ok().gated().on(Route::B));
        server.probe().until(|counts| counts.waiting == 2).await;
        let reply = server.call(Call::ok().on(Route::C)).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.probe().release(2);
        first.await.assert_ok();
        second.await.assert_ok();
    }

    async fn one_limit_across_connections(host) {
        let bulkhead = limit(2).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let (one, two, three) = (server.connect(), server.connect(), server.connect());
        let first = one.start(Call::ok().gated());
        let second = two.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 2).await;
        three.call(Call::ok()).await.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.probe().release(2);
        first.await.assert_ok();
        second.await.assert_ok();
        three.call(Call::ok()).await.assert_ok();
    }

    async fn a_slot_is_held_to_the_end_of_the_body(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let mut stream = server.stream(Call::stream(1).then_wait()).await;
        assert!(stream.message().await.is_some());
        server.call(Call::ok()).await.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.probe().release(1);
        stream.finish().await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
    }

    async fn a_slot_survives_hang_ups_broken_bodies_and_failures(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let call = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        call.hang_up().await;
        server.probe().until(|counts| counts.concurrent == 0).await;

        let mut stream = server.stream(Call::stream(1).then_wait()).await;
        assert!(stream.message().await.is_some());
        drop(stream);
        server.probe().until(|counts| counts.concurrent == 0).await;

        assert!(!server.call(Call::stream(1).then_break()).await.is_ok());
        server.probe().until(|counts| counts.concurrent == 0).await;
        let _ = server.call(Call::fail(StatusCode::CONFLICT, 10, "taken")).await;
        server.call(Call::ok()).await.assert_ok();
        assert_eq!(bulkhead.stats().full, 0, "each found the slot free");
    }

    async fn a_slot_survives_panics(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        for _ in 0..3 {
            assert!(!server.connect().call(Call::panic()).await.is_ok());
            assert!(!server.connect().call(Call::stream(1).then_panic()).await.is_ok());
        }
        server.connect().call(Call::ok()).await.assert_ok();
        assert_eq!((bulkhead.in_flight(), bulkhead.stats().full), (0, 0));
    }

    async fn exempt_calls_are_served_in_any_case(host) {
        let exempt = |path: &str| path.ends_with("/b") || path.ends_with("/B");
        let bulkhead = limit(1).exempt(move |head| exempt(head.uri().path())).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let held = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        server.call(Call::ok().on(Route::B)).await.assert_ok();
        assert_eq!(bulkhead.in_flight(), 1);
        server.probe().release(1);
        held.await.assert_ok();
    }

    async fn slots_are_kept_for_what_is_important(host) {
        let bulkhead = limit(4).shares(0.25, 0.5).priority(|head| {
            match head.headers().get("x-priority").map(http::HeaderValue::as_bytes) {
                Some(b"high") => Priority::High,
                Some(b"low") => Priority::Low,
                _ => Priority::Normal,
            }
        });
        let bulkhead = bulkhead.build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let call = |priority: &str| Call::ok().header("x-priority", priority);
        let mut held = Vec::new();
        for (priority, waiting) in [("low", 1), ("normal", 2), ("high", 3), ("high", 4)] {
            held.push(server.start(call(priority).gated()));
            server.probe().until(|counts| counts.waiting == waiting).await;
            let refused = if waiting < 2 { "low" } else { "normal" };
            let reply = server.call(call(refused)).await;
            reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        }
        server.call(call("high")).await.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.probe().release(4);
        for call in held {
            call.await.assert_ok();
        }
    }

    async fn the_code_says_whether_another_instance_may_help(host) {
        let server = host.serve(limit(1).problem(&EXHAUSTED).build().unwrap().layer()).await;
        let held = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        server.call(Call::ok()).await.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 8);
        server.probe().release(1);
        held.await.assert_ok();
    }

    async fn the_limit_is_changed_while_it_serves(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer()).await;
        let first = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        bulkhead.set_limit(2).unwrap();
        let second = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 2).await;
        bulkhead.set_limit(1).unwrap();
        server.call(Call::ok()).await.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
        server.probe().release(2);
        first.await.assert_ok();
        second.await.assert_ok();
        server.call(Call::ok()).await.assert_ok();
        assert!(bulkhead.set_limit(0).is_err());
    }

    async fn a_disabled_layer_is_none(host) {
        let bulkhead = limit(1).build().unwrap();
        let server = host.serve(bulkhead.layer().enabled(false)).await;
        let held = server.start(Call::ok().gated());
        server.probe().until(|counts| counts.waiting == 1).await;
        server.call(Call::ok()).await.assert_ok();
        server.probe().release(1);
        held.await.assert_ok();
    }
}

#[tokio::test]
async fn a_refusal_is_marked_and_told() {
    use std::sync::{Arc, Mutex};
    use tower::{Layer, Service, service_fn};

    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let observer = move |event: &Event<'_>| {
        if let Event::Refused { reason, priority, path, in_flight, limit, .. } = event {
            let (reason, priority) = (reason.as_str(), priority.as_str());
            ears.lock().unwrap().push(format!("{reason} {priority} {path:?} {in_flight}/{limit}"));
        }
    };
    let bulkhead = limit(1).on_event(observer).build().unwrap();
    let mut service = bulkhead.layer().layer(service_fn(|_: http::Request<()>| async {
        Ok::<_, ()>(http::Response::new(http_body_util::Full::new(bytes::Bytes::from_static(
            b"ok",
        ))))
    }));
    let request = || http::Request::get("/orders?secret=K-4711").body(()).unwrap();
    let held = service.call(request()).await.unwrap();
    let refused = service.call(request()).await.unwrap();
    let local = refused.extensions().get::<LocalRejection>().copied();
    assert_eq!(local, Some(LocalRejection::new("shed", "full")));
    assert_eq!(*heard.lock().unwrap(), ["full normal Some(\"/orders\") 1/1"]);
    drop(held);
    assert_eq!(service.call(request()).await.unwrap().status(), 200);
}
