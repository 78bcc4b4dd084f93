//! The layer over Redis, on every host.

use http::{HeaderName, StatusCode};
use tower_ready_ratelimit::{OnStoreError, Policy, Quota, RateLimiter, Secret, key};
use tower_ready_testing::{Call, each_host, redis::Redis};

use super::support::{SECRET, connect, patient};

each_host! {
    async fn instances_share_a_quota(host) {
        let redis = Redis::start();
        let api_key = HeaderName::from_static("x-api-key");
        let mut servers = Vec::new();
        for _ in 0..2 {
            let limiter = RateLimiter::builder()
                .policy(Policy::new("caller", Quota::per_hour(3)).key(key::header(api_key.clone())))
                .policy(Policy::new("all", Quota::per_hour(5)))
                .secret(SECRET)
                .with_store(connect(&redis, patient()).await)
                .build()
                .unwrap();
            servers.push(host.serve(limiter.layer()).await);
        }
        let call = |name: &str| Call::ok().header("x-api-key", name);
        for (server, left) in [(0, 2), (1, 1), (0, 0)] {
            let reply = servers[server].call(call("alice")).await;
            reply.assert_ok();
            let fields = reply.header("ratelimit").unwrap();
            assert!(fields.starts_with(&format!(r#""caller";r={left};"#)), "{fields}");
        }
        for server in &servers {
            let reply = server.call(call("alice")).await;
            reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        }
        // Nothing was debited for them: two are left for others.
        servers[1].call(call("bob")).await.assert_ok();
        servers[0].call(call("carol")).await.assert_ok();
        servers[0].call(call("dave")).await.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
    }

    async fn without_redis_each_policy_does_what_it_says(host) {
        let mut redis = Redis::start();
        for (choice, passing) in
            [(OnStoreError::Share, 2), (OnStoreError::Allow, 6), (OnStoreError::Deny, 0)]
        {
            let store = connect(&redis, patient().instances(2)).await;
            let limiter = RateLimiter::builder()
                .policy(Policy::new("all", Quota::per_hour(4)).on_store_error(choice))
                .secret(Secret::random())
                .with_store(store)
                .build()
                .unwrap();
            let server = host.serve(limiter.layer()).await;
            redis.kill();
            for number in 0..6 {
                let reply = server.call(Call::ok()).await;
                if number < passing {
                    reply.assert_ok();
                } else {
                    reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
                }
            }
            assert_eq!(limiter.stats("all").unwrap().degraded, 6);
            redis.restart();
        }
    }
}
