//! What cannot work is refused when a policy is built, with what to do instead.

use std::time::Duration;

use tower_ready_obs::{AccessLog, ClientTracing, ConfigErrorKind, Tracing};

#[track_caller]
fn assert_refused(tracing: tower_ready_obs::TracingBuilder, kind: &ConfigErrorKind, words: &str) {
    let error = tracing.build().unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn shares_are_between_none_and_all() {
    for ratio in [-0.5, 1.5, f64::NAN] {
        let kind = ConfigErrorKind::Ratio("sample");
        assert_refused(Tracing::builder().sample(ratio), &kind, "1.0 for all");
        let log = AccessLog::builder().sample(ratio);
        let kind = ConfigErrorKind::Ratio("access_log sample");
        assert_refused(Tracing::builder().access_log(log), &kind, "access_log sample: ");
        assert!(ClientTracing::builder().sample(ratio).build().is_err());
    }
}

#[test]
fn not_every_request_is_slow() {
    let log = AccessLog::builder().slow(Duration::ZERO);
    assert_refused(Tracing::builder().access_log(log), &ConfigErrorKind::Slow, "slow: ");
}

#[test]
fn headers_that_let_others_in_are_never_logged() {
    for name in ["Authorization", "cookie", "set-cookie", "proxy-authorization", "X-Api-Key"] {
        let log = AccessLog::builder().header(name);
        let kind = ConfigErrorKind::SecretHeader(name.to_owned());
        assert_refused(Tracing::builder().access_log(log), &kind, "lets others in");
    }
    let log = AccessLog::builder().header("user agent");
    let kind = ConfigErrorKind::Header("user agent".to_owned());
    assert_refused(Tracing::builder().access_log(log), &kind, "no name of a header");
}

#[test]
fn names_are_names() {
    for name in ["", "a&b", "a=b", "a\n"] {
        let log = AccessLog::builder().query(name);
        let kind = ConfigErrorKind::Query(name.to_owned());
        assert_refused(Tracing::builder().access_log(log), &kind, "query: ");
    }
    let unknown = Tracing::builder().known_methods(["NO GOOD"]);
    assert_refused(unknown, &ConfigErrorKind::KnownMethods, "known_methods: ");
    let kind = ConfigErrorKind::Baggage("a b".to_owned());
    assert_refused(Tracing::builder().baggage(["a b"]), &kind, "baggage: ");
}

#[test]
fn what_is_configured_can_be_looked_at() {
    let tracing = Tracing::builder().baggage(["tenant"]).build().unwrap();
    let text = format!("{tracing:?} {:?} {:?}", tracing.layer(), Tracing::builder());
    assert!(text.contains("Untrusted") && text.contains("tenant"), "{text}");
}
