//! Webhooks, signed and checked.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use proptest::prelude::*;
use tower_ready_auth::{ConfigErrorKind, WebhookError, Webhooks};
use tower_ready_problem::Caller;

const BODY: &[u8] = br#"{"order":42}"#;

fn with(secrets: &[[u8; 32]], at: u64) -> Webhooks {
    let builder =
        Webhooks::builder().clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(at));
    secrets.iter().fold(builder, |it, secret| it.secret(*secret)).build().unwrap()
}

fn changed(headers: &HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    headers
}

/// The example of the standard's own libraries.
#[test]
fn the_known_answer_is_ours() {
    let webhooks = Webhooks::builder()
        .secret_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_614_265_330))
        .build()
        .unwrap();
    let body = br#"{"test": 2432232314}"#;
    let headers = webhooks.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", body).unwrap();
    assert_eq!(headers["webhook-timestamp"], "1614265330");
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(headers["webhook-signature"], expected);
    let webhook = webhooks.verify(&headers, body).unwrap();
    assert_eq!(webhook.id(), "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_eq!(webhook.sent(), Duration::from_secs(1_614_265_330));
}

#[test]
fn a_secret_can_be_replaced_while_both_sides_run() {
    let (old, new) = ([1; 32], [2; 32]);
    let (before, both, after) = (with(&[old], 100), with(&[new, old], 100), with(&[new], 100));
    for (sender, receivers) in
        [(&before, [true, true, false]), (&both, [true, true, true]), (&after, [false, true, true])]
    {
        let headers = sender.sign("a", BODY).unwrap();
        let takes = [&before, &both, &after].map(|it| it.verify(&headers, BODY).is_ok());
        assert_eq!(takes, receivers);
    }
}

#[test]
fn the_time_has_a_window_on_both_sides() {
    let headers = with(&[[1; 32]], 1_000).sign("a", BODY).unwrap();
    let at = |now: u64| with(&[[1; 32]], now).verify(&headers, BODY).map(|_| ());
    for now in [700, 1_000, 1_300] {
        assert_eq!(at(now), Ok(()));
    }
    assert_eq!(at(1_301), Err(WebhookError::TooOld));
    assert_eq!(at(699), Err(WebhookError::TooEarly));
    // Whoever cannot sign does not learn that.
    let forged = changed(&headers, "webhook-timestamp", "1");
    assert_eq!(with(&[[1; 32]], 1).verify(&forged, BODY), Err(WebhookError::BadSignature));
}

#[test]
fn headers_are_there_once_and_well_formed() {
    let webhooks = with(&[[1; 32]], 1_000);
    let good = webhooks.sign("a", BODY).unwrap();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = good.clone();
        headers.remove(name);
        assert_eq!(webhooks.verify(&headers, BODY), Err(WebhookError::Missing), "{name}");
        let mut headers = good.clone();
        headers.append(name, good[name].clone());
        assert_eq!(webhooks.verify(&headers, BODY), Err(WebhookError::Malformed), "{name}");
    }
    for (name, value) in [
        ("webhook-id", ""),
        ("webhook-id", "a.b"),
        ("webhook-id", "a b"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "+1000"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1e3"),
        ("webhook-timestamp", "99999999999999999999"),
        ("webhook-timestamp", "9223372036854775807"),
    ] {
        let headers = changed(&good, name, value);
        assert_eq!(webhooks.verify(&headers, BODY), Err(WebhookError::Malformed), "{value}");
    }
    let signature = good["webhook-signature"].to_str().unwrap();
    let bare = signature.strip_prefix("v1,").unwrap();
    for value in ["", "v1,", bare, &format!("v2,{bare}"), &format!("V1,{bare}"), "v1,AAAA"] {
        let headers = changed(&good, "webhook-signature", value);
        assert_eq!(webhooks.verify(&headers, BODY), Err(WebhookError::BadSignature), "{value}");
    }
    let several = changed(&good, "webhook-signature", &format!("v1a,x v1,AAAA {signature}"));
    assert!(webhooks.verify(&several, BODY).is_ok());
    let many = changed(&good, "webhook-signature", &format!("{}{signature}", "v1,AAAA ".repeat(8)));
    assert_eq!(webhooks.verify(&many, BODY), Err(WebhookError::BadSignature));
    for id in ["", "a.b", "a b", "\u{e4}", &"x".repeat(129)] {
        assert_eq!(webhooks.sign(id, BODY).unwrap_err(), WebhookError::Malformed);
    }
}

#[test]
fn secrets_are_long_enough_and_never_shown() {
    let builder = Webhooks::builder;
    for bad in [
        builder(),
        builder().secret(*b"short"),
        builder().secret([1; 32]).secret([2; 23]),
        builder().secret_text("whsec_???"),
        builder().secret([1; 32]).secret_text("not base64"),
    ] {
        assert_eq!(bad.build().unwrap_err().kind(), ConfigErrorKind::WebhookSecret);
    }
    let builder = builder().secret(*b"a secret of thirty-two bytes....");
    assert!(!format!("{builder:?}").contains("97, 32"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("97, 32"));
    let problem = WebhookError::TooOld.problem();
    let answer = problem.answer(&Caller::of(&Request::new(())));
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

proptest! {
    #[test]
    fn no_changed_byte_passes(
        body in proptest::collection::vec(any::<u8>(), 1..100),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let webhooks = with(&[[1; 32]], 1_000);
        let headers = webhooks.sign("a", &body).unwrap();
        prop_assert!(webhooks.verify(&headers, &body).is_ok());
        let mut other = body.clone();
        let at = at.index(body.len());
        other[at] ^= 1 << bit;
        prop_assert_eq!(webhooks.verify(&headers, &other), Err(WebhookError::BadSignature));
    }
}
