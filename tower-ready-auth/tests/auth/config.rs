//! Settings that cannot be safe are refused, and the refusal says what to do.

use std::time::Duration;

use tower_ready_auth::{
    ApiKeys, Auth, ConfigError, ConfigErrorKind, JwtVerifier, Policy, PolicyTable,
};

use crate::support::{HMAC, ISSUER, builder, hmac_verifier, key_set};

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, ConfigError>, kind: ConfigErrorKind) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains(": "), "it names what to do: {error}");
}

#[test]
fn a_verifier_needs_keys_an_issuer_and_an_audience() {
    let keys = || key_set(&[HMAC.jwk(None)]);
    let empty = JwtVerifier::builder;
    refused(empty().issuer(ISSUER).audience("a").build(), ConfigErrorKind::NoKeys);
    refused(empty().audience("a").keys(keys()).build(), ConfigErrorKind::NoIssuer);
    refused(empty().issuer(ISSUER).keys(keys()).build(), ConfigErrorKind::NoAudience);
    // A setting that came out empty.
    refused(builder(&HMAC).issuer("").build(), ConfigErrorKind::NoIssuer);
    refused(builder(&HMAC).audience("").build(), ConfigErrorKind::NoAudience);
    assert!(empty().any_issuer().any_audience().keys(keys()).build().is_ok());

    refused(builder(&HMAC).algorithms([]).build(), ConfigErrorKind::NoAlgorithm);
    let other = builder(&HMAC).algorithms([tower_ready_auth::Algorithm::RS256]).build();
    refused(other, ConfigErrorKind::AlgorithmWithoutKey);
    let lax = builder(&HMAC).leeway(Duration::from_secs(301)).build();
    refused(lax, ConfigErrorKind::Leeway);
    for path in ["", "a..b", "."] {
        refused(builder(&HMAC).roles_at(path).build(), ConfigErrorKind::ClaimPath);
    }
}

#[test]
fn an_auth_needs_a_scheme_and_no_two_for_one_issuer() {
    refused(Auth::builder().build(), ConfigErrorKind::NoScheme);
    let twice = Auth::builder().jwt(hmac_verifier()).jwt(hmac_verifier()).build();
    refused(twice, ConfigErrorKind::DuplicateIssuer);
    let one = || Auth::builder().jwt(hmac_verifier());
    refused(one().open(["livez"]).build(), ConfigErrorKind::Path);
    refused(one().throttle(0, Duration::from_secs(1)).build(), ConfigErrorKind::Throttle);
    refused(one().throttle(1, Duration::ZERO).build(), ConfigErrorKind::Throttle);
    let twice = one().key_header(http::header::AUTHORIZATION);
    refused(twice.build(), ConfigErrorKind::KeyHeader);
    refused(one().realm("a\"b").build(), ConfigErrorKind::Challenge);
}

#[test]
fn keys_and_tables_are_checked_too() {
    refused(ApiKeys::builder("Acme", "live").build(), ConfigErrorKind::KeyPrefix);
    let short = ApiKeys::builder("acme", "live").pepper(*b"short").build();
    refused(short, ConfigErrorKind::ShortPepper);
    let table = PolicyTable::builder;
    refused(table().at("a", Policy::anyone()).build(), ConfigErrorKind::Path);
    let twice = table().at("/a", Policy::anyone()).at("/a", Policy::nobody()).build();
    refused(twice, ConfigErrorKind::DuplicatePath);
}
