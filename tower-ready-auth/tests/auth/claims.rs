//! Claims that are refused, and what is made of good ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use serde_json::{Value, json};
use tower_ready_auth::{JwtVerifier, Reason, TokenType};

use crate::support::{
    EC, HMAC, ISSUER, Signer, builder, hmac_verifier, key_set, now, reason, with,
};

#[test]
fn claims_that_are_not_what_they_must_be_are_refused() {
    use Reason::*;

    let verifier = hmac_verifier();
    let now = now();
    let cases: &[(&str, Value, Reason)] = &[
        ("iss", Value::Null, MissingClaim),
        ("iss", json!("https://other.example"), UnknownIssuer),
        ("iss", json!("https://issuer.example/"), UnknownIssuer),
        ("iss", json!("https://Issuer.example"), UnknownIssuer),
        ("iss", json!([ISSUER]), BadClaim),
        ("iss", json!(7), BadClaim),
        ("iss", json!({}), BadClaim),
        ("aud", Value::Null, MissingClaim),
        ("aud", json!({}), BadClaim),
        ("aud", json!(7), BadClaim),
        ("aud", json!(["orders", 7]), BadClaim),
        ("aud", json!([]), WrongAudience),
        ("aud", json!("order"), WrongAudience),
        ("aud", json!("orders2"), WrongAudience),
        ("aud", json!(["other"]), WrongAudience),
        ("exp", Value::Null, MissingClaim),
        ("exp", json!((now + 300).to_string()), BadClaim),
        ("exp", json!(-1), BadClaim),
        ("exp", json!(1e19), BadClaim),
        ("exp", json!(u64::MAX), BadClaim),
        ("exp", json!((now + 300) * 1_000), BadClaim),
        ("exp", json!([now + 300]), BadClaim),
        ("exp", json!(now - 31), Expired),
        ("exp", json!(now as f64 - 31.5), Expired),
        ("nbf", json!(now + 60), NotYetValid),
        ("nbf", json!("soon"), BadClaim),
        ("iat", json!(now + 60), IssuedInFuture),
        ("iat", json!(true), BadClaim),
        ("sub", Value::Null, MissingClaim),
        ("sub", json!(""), BadClaim),
        ("sub", json!(7), BadClaim),
        ("jti", json!(7), BadClaim),
        ("scope", json!(7), BadClaim),
        ("scope", json!(["a", 7]), BadClaim),
        ("roles", json!({"a": true}), BadClaim),
        ("nonce", json!("n"), WrongType),
        ("at_hash", json!("h"), WrongType),
    ];
    for (name, value, expected) in cases {
        let token = HMAC.token(&with(&[(name, value.clone())]));
        assert_eq!(reason(&verifier, token), *expected, "{name} {value}");
    }
    let error = verifier.verify(HMAC.token(&with(&[("exp", Value::Null)])).as_bytes());
    assert_eq!(error.unwrap_err().claim_name(), Some("exp"));
    for number in ["1e400", "NaN", "Infinity", "01"] {
        let payload = format!("{{\"iss\":\"{ISSUER}\",\"exp\":{number}}}");
        let token = HMAC.raw_token(br#"{"alg":"HS256"}"#, payload.as_bytes());
        assert_eq!(reason(&verifier, token), MalformedToken, "{number}");
    }
}

/// JSON's `null` is not the same as nothing.
#[test]
fn a_claim_that_is_null_is_none() {
    for name in ["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "client_id", "acr", "cnf"] {
        let mut claims = with(&[]);
        claims[name] = Value::Null;
        assert_eq!(reason(&hmac_verifier(), HMAC.token(&claims)), Reason::BadClaim, "{name}");
    }
}

#[test]
fn claims_may_be_written_in_each_of_their_ways() {
    let verifier = hmac_verifier();
    for (name, value) in [
        ("aud", json!(["other", "orders"])),
        ("exp", json!(now() as f64 + 0.5)),
        ("exp", json!(now() - 20)), // within the leeway
        ("nbf", json!(now() + 20)),
        ("iat", Value::Null),
        ("jti", Value::Null),
        ("roles", Value::Null),
    ] {
        let token = HMAC.token(&with(&[(name, value.clone())]));
        assert!(verifier.verify(token.as_bytes()).is_ok(), "{name} {value}");
    }
    let token = HMAC.token(&with(&[
        ("scope", json!("a b")),
        ("scp", json!(["c"])),
        ("roles", json!(["admin"])),
        ("realm_access", json!({"roles": ["clerk"]})),
        ("azp", json!("shop")),
        ("acr", json!("gold")),
        ("auth_time", json!(7)),
    ]));
    let principal = verifier.verify(token.as_bytes()).unwrap();
    assert_eq!(principal.scopes().to_string(), "a b c");
    assert_eq!(principal.roles().iter().collect::<Vec<_>>(), ["admin", "clerk"]);
    assert_eq!(principal.client_id(), Some("shop"));
    assert_eq!(principal.credential_id(), Some("jti-1"));
    assert_eq!(principal.issuer(), Some(ISSUER));
    assert_eq!(principal.acr(), Some("gold"));
    assert_eq!(principal.auth_time(), Some(Duration::from_secs(7)));
}

#[test]
fn settings_narrow_what_is_taken() {
    let build = |change: fn(tower_ready_auth::JwtVerifierBuilder) -> _| -> JwtVerifier {
        let builder: tower_ready_auth::JwtVerifierBuilder = change(builder(&HMAC));
        builder.build().unwrap()
    };
    let token = |changes: &[(&str, Value)]| HMAC.token(&with(changes));
    let minute = Duration::from_secs(60);
    let short = build(|it| it.max_lifetime(Duration::from_secs(60)));
    assert_eq!(reason(&short, token(&[])), Reason::LivesTooLong);
    assert_eq!(reason(&short, token(&[("iat", Value::Null)])), Reason::MissingClaim);
    short.verify(token(&[("exp", json!(now() + 50))]).as_bytes()).unwrap();

    let young = build(|it| it.max_age(Duration::from_secs(60)).leeway(Duration::ZERO));
    assert_eq!(reason(&young, token(&[("iat", json!(now() - minute.as_secs()))])), Reason::TooOld);

    let named = build(|it| it.require("tenant").claim_equals("typ", "Bearer").client("shop"));
    assert_eq!(reason(&named, token(&[])), Reason::MissingClaim);
    let all = [("tenant", json!(1)), ("typ", json!("Bearer")), ("azp", json!("shop"))];
    named.verify(token(&all).as_bytes()).unwrap();
    for (name, value) in [("typ", json!("ID")), ("azp", json!("other")), ("client_id", json!("x"))]
    {
        let mut claims = all.to_vec();
        claims.push((name, value));
        assert_eq!(reason(&named, token(&claims)), Reason::BadClaim, "{name}");
    }

    let profile = build(|it| it.token_type(TokenType::AccessToken));
    assert_eq!(reason(&profile, token(&[])), Reason::WrongType);
    let at = |claims: &Value| HMAC.token_with(&json!({"typ": "at+jwt"}), claims);
    assert_eq!(reason(&profile, at(&with(&[]))), Reason::MissingClaim);
    profile.verify(at(&with(&[("client_id", json!("shop"))])).as_bytes()).unwrap();

    let expired = build(|it| it.leeway(Duration::ZERO));
    assert_eq!(reason(&expired, token(&[("exp", json!(now()))])), Reason::Expired);
}

#[test]
fn typed_claims_fit_or_are_refused() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Claims {
        tenant: u32,
    }

    let verifier = builder(&HMAC).claims::<Claims>().build().unwrap();
    let token = HMAC.token(&with(&[("tenant", json!(7))]));
    let principal = verifier.verify(token.as_bytes()).unwrap();
    assert_eq!(principal.claims::<Claims>(), Some(&Claims { tenant: 7 }));
    assert_eq!(principal.claims::<u32>(), None);
    assert_eq!(principal.read_claims::<Claims>().unwrap(), Claims { tenant: 7 });
    for tenant in [json!("7"), json!(-1), json!({}), Value::Null] {
        let token = HMAC.token(&with(&[("tenant", tenant)]));
        assert_eq!(reason(&verifier, token), Reason::ClaimsMismatch);
    }
}

#[test]
fn presets_know_their_issuers() {
    let keys = key_set(&[HMAC.jwk(None)]);
    let verify = |builder: tower_ready_auth::JwtVerifierBuilder, claims: &[(&str, Value)]| {
        let verifier = builder.keys(keys.clone()).build().unwrap();
        verifier.verify(HMAC.token(&with(claims)).as_bytes())
    };
    let realm = ("iss", json!("https://sso.example/realms/shop"));
    let roles = ("resource_access", json!({"orders": {"roles": ["clerk"]}}));
    let keycloak = || JwtVerifier::keycloak("https://sso.example/realms/shop", "orders");
    let bearer = [realm.clone(), roles, ("typ", json!("Bearer")), ("nonce", json!("n"))];
    assert!(verify(keycloak(), &bearer).unwrap().roles().contains("clerk"));
    assert!(verify(keycloak(), &[realm, ("typ", json!("ID"))]).is_err());

    let entra = || JwtVerifier::entra("t1").audience("orders");
    for issuer in ["https://login.microsoftonline.com/t1/v2.0", "https://sts.windows.net/t1/"] {
        let token = [("iss", json!(issuer)), ("tid", json!("t1")), ("scp", json!("a b"))];
        assert!(verify(entra(), &token).unwrap().scopes().contains("b"));
        assert!(verify(entra(), &[("iss", json!(issuer)), ("tid", json!("t2"))]).is_err());
    }

    let pool = ("iss", json!("https://cognito-idp.eu-west-1.amazonaws.com/p"));
    let cognito = || JwtVerifier::cognito("eu-west-1", "p", "shop");
    let access =
        [pool, ("aud", Value::Null), ("client_id", json!("shop")), ("token_use", json!("access"))];
    assert!(verify(cognito(), &access).is_ok());
    let mut id = access.to_vec();
    id.push(("token_use", json!("id")));
    assert!(verify(cognito(), &id).is_err());

    let auth0 = [("iss", json!("https://d.example/")), ("permissions", json!(["p"]))];
    let principal = verify(JwtVerifier::auth0("d.example", "orders"), &auth0).unwrap();
    assert!(principal.scopes().contains("p"));
}

/// Every use of a token that was checked before is checked for what may have changed.
#[test]
fn a_remembered_token_expires_all_the_same() {
    for signer in [&*EC, &*HMAC] {
        let offset = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&offset);
        let verifier = builder(signer)
            .clock(move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed)))
            .build()
            .unwrap();
        let token = signer.token(&with(&[("exp", json!(now() + 100))]));
        for _ in 0..2 {
            verifier.verify(token.as_bytes()).unwrap();
            assert_eq!(verifier.cached(), 1);
        }
        offset.store(131, Ordering::Relaxed);
        assert_eq!(reason(&verifier, &token), Reason::Expired);
        assert_eq!(verifier.cached(), 1, "it was found, and is over all the same");
    }
}

#[test]
fn only_good_tokens_are_remembered_and_no_more_than_allowed() {
    let strangers = [Signer::ec("P-256"), Signer::hs256(&[9; 32])];
    for (signer, stranger) in [&*EC, &*HMAC].into_iter().zip(&strangers) {
        let verifier = builder(signer).cache(50).build().unwrap();
        let other = builder(stranger).build().unwrap();
        for n in 0..200 {
            let token = signer.of(&format!("user-{n}"), "a");
            for _ in 0..2 {
                let principal = verifier.verify(token.as_bytes()).unwrap();
                assert_eq!(principal.subject(), format!("user-{n}"));
            }
            assert!(other.verify(token.as_bytes()).is_err(), "each verifier remembers its own");
        }
        assert!((1..=60).contains(&verifier.cached()), "{}", verifier.cached());
        assert_eq!(other.cached(), 0);
    }
}

/// A clock that jumps, in either direction, is believed.
#[test]
fn a_remembered_token_is_no_older_than_the_clock() {
    let offset = Arc::new(AtomicU64::new(100));
    let clock = Arc::clone(&offset);
    let verifier = builder(&EC)
        .clock(move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed)))
        .build()
        .unwrap();
    let token = EC.token(&with(&[("nbf", json!(now() + 100))]));
    verifier.verify(token.as_bytes()).unwrap();
    offset.store(0, Ordering::Relaxed);
    assert_eq!(reason(&verifier, &token), Reason::NotYetValid);
    offset.store(1_000, Ordering::Relaxed);
    assert_eq!(reason(&verifier, &token), Reason::Expired);
    offset.store(100, Ordering::Relaxed);
    verifier.verify(token.as_bytes()).unwrap();
}
