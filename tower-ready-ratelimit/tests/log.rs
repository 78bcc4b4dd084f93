//! One line in the log, however many are refused.

use tower_ready_core::Instant;
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
        let started = Instant::now();
        let server = host.serve(limiter.layer()).await;
        server.call(Call::ok()).await.assert_ok();
        for _ in 0..20 {
            assert!(!server.call(Call::ok()).await.is_ok());
        }
        let lines = logs.under("tower_ready_ratelimit");
        let seconds = Instant::now().since(started).as_secs() as usize;
        assert!((1..=seconds + 1).contains(&lines.len()), "{lines:?} in {seconds} s");
        assert_eq!(lines[0].message(), "a request was refused");
        assert_eq!(lines[0].field("policy"), Some("all"));
        assert_eq!(lines[0].field("reason"), Some("quota"));
    }
}
