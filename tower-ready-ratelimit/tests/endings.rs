//! What depends on the answer and on the end of its body, on every host.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, StatusCode};
use tower_ready_ratelimit::{
    CachedPlans, Event, Head, Penalty, Policy, Quota, RateLimiter, Settle, key,
};
use tower_ready_testing::{Call, Reply, Server, each_host};

const CALLER: HeaderName = HeaderName::from_static("x-caller");

fn limiter(policy: Policy) -> RateLimiter {
    let policy = policy.key(key::header(CALLER));
    RateLimiter::builder().keys(1_000).policy(policy).build().unwrap()
}

fn alice(call: Call) -> Call {
    call.header("x-caller", "alice")
}

fn remaining(limiter: &RateLimiter, policy: &str) -> u64 {
    limiter.bucket(policy, |key| key.put(b"alice")).unwrap().level().remaining()
}

#[track_caller]
fn assert_refused(reply: &Reply) {
    reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
}

async fn login(server: &Server, good: bool) -> Reply {
    let denied = Call::fail(StatusCode::UNAUTHORIZED, 16, "who?");
    server.call(alice(if good { Call::ok() } else { denied })).await
}

each_host! {
    async fn only_failed_logins_count(host) {
        let policy = Policy::new("login", Quota::per_hour(3));
        let limiter = limiter(policy.counts(|answer| answer.is_unauthenticated()));
        let server = host.serve(limiter.layer()).await;
        for _ in 0..5 {
            login(&server, true).await.assert_ok();
        }
        assert_eq!(remaining(&limiter, "login"), 3);
        for left in [2, 1, 0] {
            login(&server, false).await.assert_rejected(StatusCode::UNAUTHORIZED, 16);
            assert_eq!(remaining(&limiter, "login"), left);
        }
        assert_refused(&login(&server, true).await);
    }

    async fn whoever_leaves_early_pays(host) {
        let policy = Policy::new("login", Quota::per_hour(3));
        let limiter = limiter(policy.counts(|answer| answer.is_unauthenticated()));
        let server = host.serve(limiter.layer()).await;
        let call = server.start(alice(Call::ok().gated()));
        server.probe().until(|counts| counts.concurrent == 1).await;
        assert_eq!(remaining(&limiter, "login"), 2, "taken for now");
        call.hang_up().await;
        server.probe().until(|counts| counts.concurrent == 0).await;
        assert_eq!(remaining(&limiter, "login"), 2);
    }

    async fn permits_are_held_to_the_end_of_the_body(host) {
        let limiter = limiter(Policy::concurrent("streams", 1));
        let server = host.serve(limiter.layer()).await;
        let mut stream = server.stream(alice(Call::stream(1).then_wait())).await;
        assert!(stream.message().await.is_some());
        let reply = server.call(alice(Call::ok())).await;
        assert_refused(&reply);
        assert_eq!(reply.header("ratelimit"), Some(r#""streams";r=0"#));
        server.call(Call::ok().header("x-caller", "bob")).await.assert_ok();
        server.probe().release(1);
        stream.finish().await.assert_ok();
        server.call(alice(Call::ok())).await.assert_ok();
        let bucket = limiter.bucket("streams", |key| key.put(b"alice")).unwrap();
        assert_eq!(bucket.in_flight(), 0);
    }

    async fn permits_come_back_when_the_caller_leaves(host) {
        let limiter = limiter(Policy::concurrent("calls", 1));
        let server = host.serve(limiter.layer()).await;
        let call = server.start(alice(Call::ok().gated()));
        server.probe().until(|counts| counts.concurrent == 1).await;
        assert_refused(&server.call(alice(Call::ok())).await);
        call.hang_up().await;
        server.probe().until(|counts| counts.concurrent == 0).await;
        server.call(alice(Call::ok())).await.assert_ok();
    }

    async fn bytes_are_settled_at_the_end_of_the_body(host) {
        // A unit comes back in half a minute, so that none does in the time of a test.
        let yearly = Quota::new(1_000_000, Duration::from_secs(365 * 24 * 3_600));
        let policy = Policy::new("bytes", yearly).settle(Settle::Bytes);
        let limiter = limiter(policy.cost(|_| 10_000).debt(1_000_000));
        let server = host.serve(limiter.layer()).await;
        let reply = server.call(alice(Call::stream(100))).await;
        reply.assert_ok();
        let taken = 1_000_000 - remaining(&limiter, "bytes");
        let sent = reply.body().len() as u64;
        assert!(sent > 500 && taken <= sent && taken + 5 >= sent, "{taken} of {sent}");
    }

    async fn repeat_offenders_wait_longer(host) {
        let penalty = Penalty::first(Duration::from_secs(3_000)).longest(Duration::from_secs(60_000));
        let limiter = limiter(Policy::new("caller", Quota::per_minute(1)).penalty(penalty));
        let server = host.serve(limiter.layer()).await;
        server.call(alice(Call::ok())).await.assert_ok();
        assert_refused(&server.call(alice(Call::ok())).await);
        let bucket = limiter.bucket("caller", |key| key.put(b"alice")).unwrap();
        bucket.grant(1);
        let reply = server.call(alice(Call::ok())).await;
        assert_refused(&reply);
        let wait: u64 = match reply.header("grpc-retry-pushback-ms") {
            Some(millis) => millis.parse::<u64>().unwrap() / 1_000,
            None => reply.header("retry-after").unwrap().parse().unwrap(),
        };
        assert!((2_900..=3_000).contains(&wait), "{wait}");
        bucket.reset();
        server.call(alice(Call::ok())).await.assert_ok();
    }

    async fn plans_are_fetched_once(host) {
        let fetches = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&fetches);
        let name = |head: &Head<'_>| Some(head.headers().get(CALLER)?.to_str().ok()?.to_owned());
        let plans = CachedPlans::new(Duration::from_secs(600), 10, name, move |caller: String| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { (caller == "alice").then(|| Quota::per_hour(3)) }
        });
        let server = host.serve(limiter(Policy::new("plan", Quota::per_hour(1)).plans(plans)).layer()).await;
        for _ in 0..3 {
            server.call(alice(Call::ok())).await.assert_ok();
        }
        assert_refused(&server.call(alice(Call::ok())).await);
        assert_eq!(fetches.load(std::sync::atomic::Ordering::Relaxed), 1);
        server.call(Call::ok().header("x-caller", "bob")).await.assert_ok();
        assert_refused(&server.call(Call::ok().header("x-caller", "bob")).await);
    }

    async fn an_observer_hears_of_refusals_by_tag(host) {
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let observer = move |event: &Event<'_>| {
            if let Event::Refused { policy, key, reason, shadow, .. } = event {
                let line = format!("{policy} {key} {} {shadow}", reason.as_str());
                ears.lock().unwrap().push(line);
            }
        };
        let policy = Policy::new("caller", Quota::per_hour(1)).key(key::header(CALLER));
        let limiter = RateLimiter::builder().keys(10).policy(policy).on_event(observer).build().unwrap();
        let server = host.serve(limiter.layer()).await;
        server.call(alice(Call::ok())).await.assert_ok();
        assert_refused(&server.call(alice(Call::ok())).await);
        let tag = limiter.bucket("caller", |key| key.put(b"alice")).unwrap().tag();
        assert_eq!(*heard.lock().unwrap(), [format!("caller {tag} quota false")]);
    }
}
