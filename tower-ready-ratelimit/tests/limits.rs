//! What a caller meets, on every host, over real sockets.

use std::time::Duration;

use http::{HeaderName, Method, StatusCode};
use tower_ready_ratelimit::{Fields, Head, Missing, Policy, Quota, RateLimiter, key};
use tower_ready_testing::{Call, Reply, Route, Server, Speaks, each_host};

const CALLER: HeaderName = HeaderName::from_static("x-caller");

fn limiter(policy: Policy) -> RateLimiter {
    RateLimiter::builder().keys(1_000).policy(policy).build().unwrap()
}

fn hourly(count: u64) -> Policy {
    Policy::new("caller", Quota::per_hour(count)).key(key::header(CALLER))
}

fn call(caller: &str) -> Call {
    Call::ok().header("x-caller", caller)
}

#[track_caller]
fn assert_refused(reply: &Reply) {
    reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
}

each_host! {
    async fn each_caller_has_its_own_quota(host) {
        let server = host.serve(limiter(hourly(2)).layer()).await;
        for caller in ["alice", "bob"] {
            server.call(call(caller)).await.assert_ok();
            server.call(call(caller)).await.assert_ok();
            assert_refused(&server.call(call(caller)).await);
        }
        assert_eq!(server.probe().hits(), 4, "a refused call never reaches the service");
    }

    async fn one_limit_across_routes(host) {
        let server = host.serve(limiter(hourly(3)).layer()).await;
        for route in Route::ALL {
            server.call(call("alice").on(route)).await.assert_ok();
        }
        for route in Route::ALL {
            assert_refused(&server.call(call("alice").on(route)).await);
        }
    }

    async fn one_limit_across_connections(host) {
        let server = host.serve(limiter(hourly(3)).layer()).await;
        for _ in 0..3 {
            server.connect().call(call("alice")).await.assert_ok();
        }
        for _ in 0..3 {
            assert_refused(&server.connect().call(call("alice")).await);
        }
    }

    async fn a_refusal_says_what_and_for_how_long(host) {
        let server = host.serve(limiter(hourly(1)).layer()).await;
        server.call(call("alice")).await.assert_ok();
        let reply = server.call(call("alice")).await;
        assert_refused(&reply);
        assert_eq!(reply.header("ratelimit-policy"), Some(r#""caller";q=1;w=3600"#));
        let limit = reply.header("ratelimit").unwrap().to_owned();
        assert_refused_until_the_same_time(&server, &reply, &limit);
    }

    async fn callers_learn_what_remains(host) {
        let server = host.serve(limiter(hourly(5)).layer()).await;
        for left in [4, 3] {
            let reply = server.call(call("alice")).await;
            assert_eq!(reply.header("ratelimit-policy"), Some(r#""caller";q=5;w=3600"#));
            let expected = format!(r#""caller";r={left};t={}"#, left * 720);
            assert_eq!(reply.header("ratelimit"), Some(&*expected));
        }
    }

    async fn fields_may_be_left_out(host) {
        let limiter = RateLimiter::builder().keys(10).policy(hourly(1)).fields(Fields::None);
        let server = host.serve(limiter.build().unwrap().layer()).await;
        let passed = server.call(call("alice")).await;
        let refused = server.call(call("alice")).await;
        for reply in [passed, refused] {
            assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), (None, None));
        }
    }

    async fn all_policies_pass_or_none_pays(host) {
        let limiter = RateLimiter::builder()
            .keys(1_000)
            .policy(hourly(10))
            .policy(Policy::new("all", Quota::per_hour(2)))
            .build()
            .unwrap();
        let server = host.serve(limiter.layer()).await;
        for _ in 0..2 {
            server.call(call("alice")).await.assert_ok();
        }
        for _ in 0..5 {
            assert_refused(&server.call(call("alice")).await);
        }
        let alice = limiter.bucket("caller", |key| key.put(b"alice")).unwrap();
        assert_eq!(alice.level().remaining(), 8, "refused by the other policy, so not debited");
        let stats = limiter.stats("all").unwrap();
        assert_eq!((stats.allowed, stats.refused), (2, 5));
    }

    async fn a_policy_in_shadow_mode_refuses_nobody(host) {
        let limiter = limiter(hourly(1).shadow(true));
        let server = host.serve(limiter.layer()).await;
        for _ in 0..3 {
            server.call(call("alice")).await.assert_ok();
        }
        let stats = limiter.stats("caller").unwrap();
        assert_eq!((stats.allowed, stats.would_refuse, stats.refused), (1, 2, 0));
    }

    async fn who_has_no_key_shares_a_bucket_passes_or_is_told(host) {
        let server = host.serve(limiter(hourly(1)).layer()).await;
        server.call(Call::ok()).await.assert_ok();
        assert_refused(&server.call(Call::ok()).await);
        server.call(call("alice")).await.assert_ok();

        let server = host.serve(limiter(hourly(1).missing(Missing::Skip)).layer()).await;
        server.call(Call::ok()).await.assert_ok();
        server.call(Call::ok()).await.assert_ok();

        let server = host.serve(limiter(hourly(1).missing(Missing::Refuse)).layer()).await;
        server.call(Call::ok()).await.assert_rejected(StatusCode::BAD_REQUEST, 3);
        let twice = call("alice").header("x-caller", "bob");
        server.call(twice).await.assert_rejected(StatusCode::BAD_REQUEST, 3);
    }

    async fn what_costs_more_than_the_burst_never_passes(host) {
        let cost = |head: &Head<'_>| {
            let cost = head.headers().get("x-cost").and_then(|cost| cost.to_str().ok()?.parse().ok());
            cost.unwrap_or(1)
        };
        let limiter = limiter(hourly(10).cost(cost));
        let server = host.serve(limiter.layer()).await;
        let reply = server.call(call("alice").header("x-cost", "11")).await;
        assert_refused(&reply);
        assert_eq!(reply.header("retry-after"), None);
        // Which keeps gRPC clients from trying.
        let pushback = (server.speaks() == Speaks::Grpc).then_some("-1");
        assert_eq!(reply.header("grpc-retry-pushback-ms"), pushback);
        server.call(call("alice").header("x-cost", "7")).await.assert_ok();
        assert_refused(&server.call(call("alice").header("x-cost", "4")).await);
        server.call(call("alice").header("x-cost", "3")).await.assert_ok();
    }

    async fn exempt_requests_cost_nothing(host) {
        let limiter = RateLimiter::builder()
            .keys(10)
            .policy(hourly(1))
            .exempt(|head: &Head<'_>| head.headers().contains_key("x-internal"))
            .build()
            .unwrap();
        let server = host.serve(limiter.layer()).await;
        for _ in 0..3 {
            server.call(call("alice").header("x-internal", "1")).await.assert_ok();
        }
        server.call(call("alice")).await.assert_ok();
        assert_refused(&server.call(call("alice")).await);
    }

    async fn a_policy_may_apply_to_some_requests_only(host) {
        let limiter = limiter(hourly(1).when(|head| head.headers().contains_key("x-heavy")));
        let server = host.serve(limiter.layer()).await;
        server.call(call("alice").header("x-heavy", "1")).await.assert_ok();
        assert_refused(&server.call(call("alice").header("x-heavy", "1")).await);
        server.call(call("alice")).await.assert_ok();

        let server = host.serve(limiter.layer().enabled(false)).await;
        server.call(call("alice").header("x-heavy", "1")).await.assert_ok();
    }

    #[hosts(axum, hyper)]
    async fn a_policy_may_apply_to_some_methods_only(host) {
        let server = host.serve(limiter(hourly(1).methods([Method::POST])).layer()).await;
        let post = || call("alice").method(Method::POST);
        server.call(post()).await.assert_ok();
        assert_refused(&server.call(post()).await);
        server.call(call("alice")).await.assert_ok();
    }

    async fn the_handle_sees_and_changes_what_the_layer_does(host) {
        let limiter = limiter(hourly(2));
        let server = host.serve(limiter.layer()).await;
        let alice = limiter.bucket("caller", |key| key.put(b"alice")).unwrap();
        server.call(call("alice")).await.assert_ok();
        server.call(call("alice")).await.assert_ok();
        assert_eq!(alice.level().remaining(), 0);
        assert_eq!(limiter.hottest(5).first().map(|hot| hot.tag), Some(alice.tag()));
        alice.grant(1);
        server.call(call("alice")).await.assert_ok();
        assert_refused(&server.call(call("alice")).await);
        alice.reset();
        server.call(call("alice")).await.assert_ok();
        alice.charge(5);
        assert_refused(&server.call(call("alice")).await);
    }

    async fn quotas_are_swapped_while_serving(host) {
        let limiter = limiter(hourly(1));
        let server = host.serve(limiter.layer()).await;
        server.call(call("alice")).await.assert_ok();
        assert_refused(&server.call(call("alice")).await);
        limiter.swap_quota("caller", Quota::per_hour(3_600_000).burst(100)).unwrap();
        let reply = server.call(call("bob")).await;
        assert_eq!(reply.header("ratelimit-policy"), Some(r#""caller";q=3600000;w=3600;tr-burst=100"#));
        assert_eq!(limiter.quota("caller").unwrap().count(), 3_600_000);
    }

    async fn plans_are_found_at_run_time(host) {
        let plan = |head: &Head<'_>| {
            let gold = head.headers().get("x-plan").is_some_and(|plan| plan == "gold");
            gold.then(|| Quota::per_hour(3))
        };
        let server = host.serve(limiter(hourly(1).plans(plan)).layer()).await;
        server.call(call("alice")).await.assert_ok();
        assert_refused(&server.call(call("alice")).await);
        for _ in 0..3 {
            server.call(call("bob").header("x-plan", "gold")).await.assert_ok();
        }
        assert_refused(&server.call(call("bob").header("x-plan", "gold")).await);
    }
}

/// `Retry-After`, `t`, `RetryInfo` and the pushback agree.
#[track_caller]
fn assert_refused_until_the_same_time(server: &Server, reply: &Reply, limit: &str) {
    let seconds: u64 = limit.strip_prefix(r#""caller";r=0;t="#).unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&seconds), "{limit}");
    if let Some(pushback) = reply.header("grpc-retry-pushback-ms") {
        let millis: u64 = pushback.parse().unwrap();
        assert_eq!(millis.div_ceil(1_000), seconds);
        let details = tonic_types::StatusExt::get_error_details(reply.grpc());
        let delay = details.retry_info().unwrap().retry_delay.unwrap();
        assert!(Duration::from_millis(millis) >= delay);
        let violation = &details.quota_failure().unwrap().violations[0];
        assert!(format!("{violation:?}").contains("caller"), "{violation:?}");
    } else {
        assert_eq!(reply.header("retry-after"), Some(&*seconds.to_string()));
        let problem = reply.problem();
        assert_eq!(problem["violated-policies"], serde_json::json!(["caller"]));
        assert_eq!(problem["status"], 429);
        assert!(problem["type"].as_str().unwrap().ends_with("#quota-exceeded"));
    }
    let _ = server;
}
