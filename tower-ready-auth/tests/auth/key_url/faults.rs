//! A server of keys that fails, and callers who want it to.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tower_ready_auth::{ConfigErrorKind, KeyUrl};
use tower_ready_core::Instant;

use super::{Answer, Keys, set_of, status, token, verifier};
use crate::support::{EC, HMAC, RSA, Signer, jwks, with};

/// How long a test waits for a server that never answers.
const WAIT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_flood_of_unknown_ids_makes_one_fetch() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().cooldown(Duration::from_secs(3_600)).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let stranger = Signer::ec("P-256");
    let flood: Vec<_> = (0..1_000)
        .map(|n| {
            let (verifier, token) = (verifier.clone(), token(&stranger, &format!("id-{n}")));
            tokio::spawn(async move { status(&verifier, &token).await })
        })
        .collect();
    for request in flood {
        assert_eq!(request.await.unwrap(), 401);
    }
    for n in 0..20 {
        assert_eq!(status(&verifier, &token(&stranger, &format!("more-{n}"))).await, 401);
        assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    }
    assert_eq!(server.hits(), 2);
}

/// A server that hangs must not hang those whose keys are there.
#[tokio::test]
async fn who_waits_for_a_key_keeps_nobody_else_waiting() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().timeout(Duration::from_secs(60)).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    server.set(Answer::Never);
    let (same, unknown) = (verifier.clone(), token(&RSA, "unknown"));
    let stranger = tokio::spawn(async move { status(&same, &unknown).await });
    while server.hits() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    }
    assert!(!stranger.is_finished());
    stranger.abort();
}

#[tokio::test]
async fn the_last_good_set_outlives_each_kind_of_failure() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().max_len(64 * 1_024).timeout(WAIT).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let other = Keys::serve(set_of(&[(&RSA, "evil")])).await;
    let plain =
        |status, body: &str| Answer::With(status, "x-nothing", "1".to_owned(), body.to_owned());
    for answer in [
        plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        plain(StatusCode::OK, "<html>sign in</html>"),
        plain(StatusCode::OK, r#"{"keys":[]}"#),
        plain(StatusCode::OK, &format!("{} x", jwks(&[RSA.jwk(Some("b"))]))),
        plain(StatusCode::OK, &" ".repeat(5 * 1_024 * 1_024)),
        plain(StatusCode::NOT_MODIFIED, ""),
        plain(StatusCode::NOT_FOUND, ""),
        Answer::With(
            StatusCode::OK,
            "content-type",
            "text/html".to_owned(),
            jwks(&[RSA.jwk(Some("evil"))]),
        ),
        Answer::With(StatusCode::TOO_MANY_REQUESTS, "retry-after", "60".to_owned(), String::new()),
        plain(StatusCode::OK, &jwks(&[HMAC.jwk(Some("secret"))])),
        Answer::With(StatusCode::FOUND, "location", other.url.clone(), String::new()),
        Answer::Never,
    ] {
        server.set(answer);
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
        assert_eq!(keys.keys().unwrap().len(), 1);
    }
    assert_eq!(other.hits(), 0, "no redirect is followed");
    server.set(set_of(&[(&RSA, "b")]));
    keys.refresh().await;
    assert_eq!(status(&verifier, &token(&RSA, "b")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 401, "its key is gone");
}

#[tokio::test]
async fn without_keys_the_answer_is_unavailable() {
    let server = Keys::serve(Answer::Json("{}".to_owned())).await;
    let keys = server.builder().build().unwrap();
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 503);
    assert!(!keys.is_ready());
    server.set(set_of(&[(&EC, "a")]));
    keys.refresh().await;
    assert!(keys.is_ready());
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
}

#[tokio::test]
async fn a_set_that_nobody_vouches_for_is_forgotten() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().max_stale(Duration::ZERO).timeout(WAIT).build().unwrap();
    server.set(Answer::Never);
    let verifier = verifier(&keys);
    while keys.keys().is_some() {
        tokio::task::yield_now().await;
    }
    keys.refresh().await;
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 503);
}

/// An answer that is of no use counts as one: a flood does not make more of them.
#[tokio::test]
async fn an_empty_set_ends_no_cooldown() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().cooldown(Duration::from_secs(3_600)).build().unwrap();
    keys.ready().await;
    let (verifier, start) = (verifier(&keys), Instant::now());
    server.set(Answer::Json(r#"{"keys":[]}"#.to_owned()));
    for n in 0..200 {
        assert_eq!(status(&verifier, &token(&RSA, &format!("id-{n}"))).await, 401);
    }
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    // Those that the task makes by itself after a failure: at most two in a second.
    let by_itself = 2 * (Instant::now().since(start).as_secs() as usize + 1);
    assert!(server.hits() <= 2 + by_itself, "{} fetches", server.hits());
}

#[tokio::test]
async fn times_may_be_for_ever_but_not_nothing() {
    let server = Keys::serve(set_of(&[(&EC, "old")])).await;
    let (ever, nothing) = (Duration::MAX, Duration::ZERO);
    for builder in [server.builder().refresh(nothing), server.builder().timeout(nothing)] {
        assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::KeyUrlTime);
    }
    let builder = server.builder().refresh(ever).max_stale(ever).grace(ever).timeout(ever);
    let keys = builder.build().unwrap();
    keys.refresh().await;
    let verifier = verifier(&keys);
    server.set(set_of(&[(&RSA, "new")]));
    assert_eq!(status(&verifier, &token(&RSA, "new")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "old")).await, 200);
}

/// Nobody waits for what will never come.
#[test]
fn when_the_runtime_is_gone_so_is_all_hope() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gone = runtime();
    let keys = gone.block_on(async { Keys::serve(Answer::Never).await.builder().build().unwrap() });
    drop(gone);
    runtime().block_on(async {
        let verifier = verifier(&keys);
        let all = async {
            keys.ready().await;
            keys.refresh().await;
            status(&verifier, &token(&EC, "a")).await
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(60), all).await, Ok(503));
    });
}

/// Headers that come at once, and a body that never ends.
#[tokio::test]
async fn a_body_that_drips_takes_no_longer_than_all_of_it_may() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{";
                let _ = stream.write_all(head).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    let builder = KeyUrl::builder(&url).allow_http().allow_private_addresses();
    let keys = builder.max_len(1 << 30).timeout(Duration::from_millis(300)).build().unwrap();
    keys.refresh().await;
    assert!(!keys.is_ready());
}

/// Rotation, outages and a flood of ids that nobody has, all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_good_token_is_refused() {
    let server = Keys::serve(set_of(&[(&EC, "0")])).await;
    let keys = server.builder().cooldown(Duration::from_secs(3_600)).timeout(WAIT).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let load = || {
        let requests = (0..20).flat_map(|n| {
            let good = EC.token_with(&json!({ "kid": "0" }), &with(&[("n", json!(n))]));
            [(good, 200), (token(&RSA, &format!("unknown-{n}")), 401)]
        });
        let tasks: Vec<_> = requests
            .map(|(token, expected)| {
                let verifier = verifier.clone();
                tokio::spawn(async move { assert_eq!(status(&verifier, &token).await, expected) })
            })
            .collect();
        async move {
            for task in tasks {
                task.await.unwrap();
            }
        }
    };
    let (start, mut refreshed) = (Instant::now(), 0);
    for round in 1..3 {
        let next = Signer::ec("P-256");
        let id = round.to_string();
        for answer in [
            Answer::With(StatusCode::BAD_GATEWAY, "x", "1".to_owned(), String::new()),
            Answer::Json(r#"{"keys":[]}"#.to_owned()),
            Answer::Json("x".repeat(5 * 1_024 * 1_024)),
            Answer::Never,
            set_of(&[(&EC, "0"), (&next, &id)]),
        ] {
            server.set(answer);
            tokio::join!(keys.refresh(), load());
            refreshed += 1;
        }
        assert_eq!(status(&verifier, &token(&next, &id)).await, 200);
    }
    // The first fetch, those of the test, the one that strangers may ask for, and what the set asks
    // for by itself after a failure: at most two in a second, however long this machine took.
    let by_itself = 2 * (Instant::now().since(start).as_secs() as usize + 1);
    assert!(server.hits() <= 1 + refreshed + 1 + by_itself, "{} fetches", server.hits());
}
