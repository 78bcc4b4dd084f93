//! Keys that come and go.

use std::{pin::pin, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::Notify;
use tower_ready_auth::KeyError;

use super::{Answer, Keys, set_of, status, token, verifier};
use crate::support::{EC, HMAC, RSA, Signer, jwks};

#[tokio::test]
async fn the_first_token_after_a_rotation_is_good() {
    let server = Keys::serve(set_of(&[(&EC, "old")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "old")).await, 200);
    let new = Signer::ec("P-256");
    server.set(set_of(&[(&EC, "old"), (&new, "new")]));
    assert_eq!(status(&verifier, &token(&new, "new")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "old")).await, 200);
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_key_that_was_replaced_under_its_id_is_found_too() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let new = Signer::ec("P-256");
    server.set(set_of(&[(&new, "a"), (&RSA, "b")]));
    assert_eq!(status(&verifier, &token(&new, "a")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 401);
}

/// What is under way may bring what was there before: neither the first nor the second may go by it.
#[tokio::test]
async fn everybody_with_a_new_key_waits_for_the_fetch_that_knows_it() {
    let server = Keys::serve(set_of(&[(&EC, "old")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let (verifier, new, go) = (verifier(&keys), Signer::ec("P-256"), Arc::new(Notify::new()));
    server.set(Answer::Held(Arc::clone(&go), jwks(&[EC.jwk(Some("old"))])));
    let refreshed = keys.clone();
    let refresh = tokio::spawn(async move { refreshed.refresh().await });
    while server.hits() < 2 {
        tokio::task::yield_now().await;
    }
    server.set(set_of(&[(&EC, "old"), (&new, "new")]));
    let token = token(&new, "new");
    let mut first = pin!(status(&verifier, &token));
    let mut second = pin!(status(&verifier, &token));
    for waiting in [&mut first, &mut second] {
        tokio::select! {
            biased;
            status = waiting => panic!("{status} before there was an answer"),
            () = std::future::ready(()) => {}
        }
    }
    go.notify_one();
    assert_eq!(tokio::join!(first, second), (200, 200));
    refresh.await.unwrap();
}

#[tokio::test]
async fn a_new_key_is_fetched_also_where_an_old_one_has_no_id() {
    let server = Keys::serve(Answer::Json(jwks(&[RSA.jwk(None)]))).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    server.set(Answer::Json(jwks(&[RSA.jwk(None), EC.jwk(Some("new"))])));
    assert_eq!(status(&verifier, &token(&EC, "new")).await, 200);
}

#[tokio::test]
async fn of_two_published_keys_with_one_id_the_first_counts() {
    let second = Signer::ec("P-256");
    let server = Keys::serve(set_of(&[(&EC, "a"), (&second, "a")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    assert_eq!(status(&verifier, &token(&second, "a")).await, 401);
    assert_eq!(keys.keys().unwrap().skipped()[0].error(), KeyError::DuplicateId);
}

#[tokio::test]
async fn a_key_that_is_gone_has_its_grace_if_it_is_given_one() {
    let new = Signer::ec("P-256");
    for (grace, expected) in [(Duration::ZERO, 401), (Duration::from_secs(600), 200)] {
        let server = Keys::serve(set_of(&[(&EC, "old")])).await;
        let keys = server.builder().grace(grace).build().unwrap();
        keys.ready().await;
        let verifier = verifier(&keys);
        server.set(set_of(&[(&new, "new")]));
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&new, "new")).await, 200);
        assert_eq!(status(&verifier, &token(&EC, "old")).await, expected);
        // A failure in between changes nothing.
        server.set(Answer::Json("{".to_owned()));
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&EC, "old")).await, expected);
    }
}

#[tokio::test]
async fn a_mixed_set_is_used_but_for_its_secrets_and_private_parts() {
    let mut private = EC.jwk(Some("a"));
    private["d"] = json!("c2VjcmV0LTQ3MTE");
    let set = [private, HMAC.jwk(Some("secret")), json!({"kty": "XYZ", "kid": "x"})];
    let server = Keys::serve(Answer::Json(jwks(&set))).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    assert_eq!(status(&verifier, &token(&HMAC, "secret")).await, 401);
    let set = keys.keys().unwrap();
    let skipped: Vec<_> = set.skipped().iter().map(|it| (it.key_id(), it.error())).collect();
    assert_eq!(
        skipped,
        [(Some("secret"), KeyError::SecretAmongPublic), (Some("x"), KeyError::Unknown)]
    );
    assert!(!format!("{keys:?} {set:?}").contains("c2VjcmV0"));
}
