//! One line in the log, however many are refused.

use tower_ready_ratelimit::{LogRefusals, Policy, Quota, RateLimiter};
use tower_ready_testing::{Call, each_host, logs};

each_host! {
    async fn a_flood_is_one_line(host) {
        let logs = logs::capture();
        let limiter = RateLimiter::builder()
            .keys(10)
            .policy(Policy::new("all", Quota::per_hour(1)))
            .on_event(LogRefusals::default())
            .build()
            .unwrap();
        let server = host.serve(limiter.layer()).await;
        server.call(Call::ok()).await.assert_ok();
        for _ in 0..20 {
            assert!(!server.call(Call::ok()).await.is_ok());
        }
        let lines = logs.under("tower_ready_ratelimit");
        assert!((1..=3).contains(&lines.len()), "{lines:?}");
        assert_eq!(lines[0].message(), "a request was refused");
        assert_eq!(lines[0].field("policy"), Some("all"));
        assert_eq!(lines[0].field("reason"), Some("quota"));
    }
}
