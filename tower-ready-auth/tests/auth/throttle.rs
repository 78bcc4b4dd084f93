//! Who fails too often, on every host, over real sockets.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tower_ready_auth::{ApiKeys, MemoryKeys};
use tower_ready_testing::{Call, Route, Speaks, each_host};

use crate::{
    callers::{UNAUTHENTICATED, alice, auth, bearer},
    support::{EC, with},
};

each_host! {
    /// Each host applies a layer as often as it likes; the count is one.
    async fn failures_of_an_address_add_up_over_routes_and_connections(host) {
        let auth = auth().throttle(3, Duration::from_secs(3_600)).build().unwrap();
        let server = host.serve(auth.layer()).await;
        let from = |call: Call, source: &str| call.header("x-source", source);
        for route in Route::ALL {
            let call = from(bearer("nonsense").on(route), "192.0.2.1");
            let reply = server.connect().call(call).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        let reply = server.call(from(bearer("more"), "192.0.2.1")).await;
        reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        let wait = match host.speaks() {
            Speaks::Http => reply.header("retry-after"),
            Speaks::Grpc => reply.header("grpc-retry-pushback-ms"),
        };
        assert!(wait.is_some(), "{reply:?}");
        // Others at that address do not fail, and those elsewhere have nothing to do with it.
        for source in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
            server.call(from(alice(), source)).await.assert_ok();
        }
        server.call(from(bearer("more"), "192.0.2.2")).await.assert_rejected(
            StatusCode::UNAUTHORIZED,
            UNAUTHENTICATED,
        );
        // To come without credentials is no attempt.
        for _ in 0..5 {
            let reply = server.call(from(Call::ok(), "192.0.2.3")).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        server.call(from(alice(), "192.0.2.3")).await.assert_ok();
    }

    /// By the key or the subject that they claim to be, whether or not they are.
    async fn failures_are_of_an_address_and_who_it_claims_to_be(host) {
        let store = MemoryKeys::new();
        let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
        let key = |owner: &str| {
            let (key, record) = keys.generate(owner).unwrap();
            (key.as_str().to_owned(), record)
        };
        let ((bobs, record), (unknown, _)) = (key("bob"), key("nobody"));
        store.insert(record).unwrap();
        let auth = auth().api_keys(keys.clone()).throttle(3, Duration::from_secs(3_600));
        let server = host.serve(auth.build().unwrap().layer()).await;
        let here = |call: Call| call.header("x-source", "192.0.2.1");
        let with_key = |key: &str| here(Call::ok().header("x-api-key", key));
        // Signed by a stranger, who says that it is Alice.
        let stolen = |n: u32| {
            let claims = with(&[("sub", json!("alice")), ("jti", json!(n.to_string()))]);
            here(bearer(&EC.token(&claims)))
        };
        let mallory = here(bearer(&EC.token(&with(&[("sub", json!("mallory"))]))));
        // Alice was here when it began.
        server.call(stolen(0)).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        let alices = here(alice());
        server.call(alices.clone()).await.assert_ok();
        for n in 1..3 {
            let reply = server.call(stolen(n)).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
            let reply = server.call(with_key(&unknown)).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        server.call(stolen(3)).await.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        server.call(alices).await.assert_ok();
        server.call(with_key(&bobs)).await.assert_ok();
        server.call(mallory).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        let reply = server.call(with_key(&unknown)).await;
        reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        server.call(with_key(&unknown)).await.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        server.call(with_key(&bobs)).await.assert_ok();
    }
}
