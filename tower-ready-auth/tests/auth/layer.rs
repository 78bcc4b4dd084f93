//! What the layers owe to whoever stacks them.

use std::{convert::Infallible, future::poll_fn, task::Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION, request::Parts};
use http_body_util::{BodyExt, Empty, Full};
use serde_json::json;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ready_auth::{Auth, AuthLayer, Lookup, Policy, Principal, Revocation, StoreError};
use tower_ready_testing::{
    alloc,
    contract::{Contract, bounds},
};

use crate::support::{EC, HMAC, builder, hmac_verifier, verifier, with};

fn good(parts: &mut Parts) {
    let value = format!("Bearer {}", HMAC.of("alice", "a"));
    parts.headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
}

/// Pending once. Tokio's own would wake its task only when the runtime is idle.
async fn wait_a_moment() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Says later that nothing is revoked.
struct Slow;

impl Revocation for Slow {
    fn is_revoked(&self, _: &Principal) -> Lookup<Result<bool, StoreError>> {
        Lookup::later(async {
            wait_a_moment().await;
            Ok(false)
        })
    }
}

fn slow() -> AuthLayer {
    Auth::builder().jwt(hmac_verifier()).revocation(Slow).build().unwrap().layer()
}

#[tokio::test]
async fn the_auth_layer_keeps_the_contract() {
    let contract = Contract::new().request(good);
    contract.check(|| AuthLayer::new(hmac_verifier())).await;
    contract.check(slow).await;
    contract.check(|| AuthLayer::new(hmac_verifier()).enabled(false)).await;
    Contract::new().check_rejection(|| AuthLayer::new(hmac_verifier())).await;
    bounds::check(&AuthLayer::new(hmac_verifier()));
    bounds::check(&Policy::nobody().layer());
}

#[tokio::test]
async fn the_policy_layer_keeps_the_contract() {
    let stack = |policy: Policy| {
        ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(policy.layer())
            .into_inner()
    };
    let later = || {
        Policy::check_later("later", |_, _| async {
            wait_a_moment().await;
            true
        })
    };
    let contract = Contract::new().request(good);
    contract.check(|| stack(Policy::scope("a"))).await;
    contract.check(|| stack(later())).await;
    contract.check_rejection(|| stack(Policy::nobody())).await;
}

#[tokio::test]
async fn a_layer_that_is_off_asks_for_nothing() {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = AuthLayer::new(hmac_verifier()).enabled(false).layer(inner);
    let answer = service.oneshot(Request::new(())).await.unwrap();
    assert!(answer.status().is_success());
}

/// What a request costs beyond the service behind the layer: the principal in the extensions, and
/// of a token that was not seen before what is kept of its claims.
#[tokio::test]
async fn allocations_are_counted() {
    let inner = || {
        service_fn(|_: Request<()>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(
                b"ok",
            )))))
        })
    };
    let request = |token: String| {
        let value = HeaderValue::from_maybe_shared(Bytes::from(format!("Bearer {token}"))).unwrap();
        let mut request = Request::new(());
        request.headers_mut().insert(AUTHORIZATION, value);
        request
    };
    for signer in [&*EC, &*HMAC] {
        let mut cached = AuthLayer::new(verifier(signer)).layer(inner());
        let token = signer.of("alice", "orders:read");
        cached.call(request(token.clone())).await.unwrap();
        let again = request(token);
        let (future, count) = alloc::counted(|| cached.call(again));
        drop(future.await.unwrap());
        assert!(count.count <= 3, "a token seen before: {count:?}");
    }

    let mut hmac = AuthLayer::new(builder(&HMAC).cache(0).build().unwrap()).layer(inner());
    hmac.call(request(HMAC.of("bob", "orders:read"))).await.unwrap();
    let cold = request(HMAC.of("alice", "orders:read"));
    let (future, count) = alloc::counted(|| hmac.call(cold));
    drop(future.await.unwrap());
    assert!(count.count <= 9, "HS256: {count:?}");
}

#[tokio::test]
async fn a_rejection_tells_no_more_than_it_must() {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = AuthLayer::new(hmac_verifier()).layer(inner);
    let mut bodies = Vec::new();
    for token in [
        EC.of("alice", "a"),
        HMAC.token(&with(&[("aud", json!("other"))])),
        HMAC.token(&with(&[("exp", json!(7))])),
        "nonsense".to_owned(),
    ] {
        let request = Request::get("/a")
            .header("authorization", format!("Bearer {token}"))
            .header("x-request-id", "1")
            .body(())
            .unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        let local = answer.extensions().get::<tower_ready_core::LocalRejection>();
        assert_eq!(local.unwrap().by(), "auth");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        bodies.push(answer.into_body().collect().await.unwrap().to_bytes());
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}
