//! Who comes in with what, on every host, over real sockets.

use http::StatusCode;
use serde_json::json;
use tower_ready_auth::{ApiKeys, AuthLayer, MemoryKeys};
use tower_ready_testing::{Call, Route, each_host};

use crate::{
    callers::{UNAUTHENTICATED, alice, assert_rejected, auth, bearer, subject},
    support::{EC, HMAC, b64, hmac_verifier, now, with},
};

each_host! {
    async fn good_credentials_are_known_inside(host) {
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        assert_eq!(subject(&server, alice()).await, "alice");
        let value = server.last_seen();
        let value = value.headers().get("authorization").unwrap();
        assert!(value.is_sensitive());
    }

    async fn a_stream_needs_them_too(host) {
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        assert_rejected(&server.call(Call::stream(2)).await, 401, UNAUTHENTICATED, Some("Bearer"));
        let token = HMAC.of("alice", "a");
        let call = Call::stream(2).header("authorization", format!("Bearer {token}"));
        server.call(call).await.assert_ok();
    }

    async fn credentials_that_are_missing_or_bad_are_refused(host) {
        let server = host.serve(auth().no_throttle().build().unwrap().layer()).await;
        let invalid = Some("Bearer error=\"invalid_token\"");
        let expired = HMAC.token(&with(&[("exp", json!(now() - 60))]));
        let good = HMAC.of("alice", "a");
        for (call, challenge) in [
            (Call::ok(), Some("Bearer")),
            (Call::ok().header("authorization", "Basic YTpi"), Some("Bearer")),
            (Call::ok().header("authorization", "Bearer"), invalid),
            (Call::ok().header("authorization", ""), invalid),
            (Call::ok().header("authorization", b"Bearer \xff\xfe"), invalid),
            (Call::ok().header("authorization", b"\xff\xfe"), invalid),
            (Call::ok().header("authorization", format!("Bearer  {good}")), invalid),
            (Call::ok().header("authorization", format!("Bearer\t{good}")), invalid),
            (Call::ok().header("authorization", format!("Bearer {good},{good}")), invalid),
            (bearer("nonsense"), invalid),
            (bearer(&expired), invalid),
            (bearer(&EC.of("alice", "a")), invalid),
        ] {
            let reply = server.call(call).await;
            assert_rejected(&reply, 401, UNAUTHENTICATED, challenge);
            assert!(!format!("{reply:?}").contains(&good));
        }
        assert_eq!(server.hits(), 0);
    }

    async fn binary_metadata_are_no_place_for_them(host) {
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        let value = b64(format!("Bearer {}", HMAC.of("alice", "a")));
        let reply = server.call(Call::ok().header("authorization-bin", value)).await;
        assert_rejected(&reply, 401, UNAUTHENTICATED, Some("Bearer"));
    }

    async fn the_scheme_is_read_without_regard_to_case(host) {
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        let token = HMAC.of("alice", "a");
        let call = Call::ok().header("authorization", format!("bEaReR {token}"));
        assert_eq!(subject(&server, call).await, "alice");
    }

    async fn two_credentials_are_one_too_many(host) {
        let keys = ApiKeys::builder("acme", "live").build().unwrap();
        let server = host.serve(auth().api_keys(keys).build().unwrap().layer()).await;
        let challenge = Some("Bearer error=\"invalid_request\"");
        let token = HMAC.of("alice", "a");
        for call in [
            alice().header("authorization", format!("Bearer {token}")),
            alice().header("x-api-key", "k"),
        ] {
            assert_rejected(&server.call(call).await, 400, 3, challenge);
        }
        assert_eq!(server.hits(), 0);
    }

    #[hosts(axum, hyper)]
    async fn a_token_in_the_query_or_a_cookie_is_none(host) {
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        let token = HMAC.of("alice", "a");
        for call in [
            Call::ok().at(&format!("/probe/a?access_token={token}")),
            Call::ok().header("cookie", format!("access_token={token}")),
            Call::ok().header("authorization-bin", format!("Bearer {token}")),
        ] {
            assert_rejected(&server.call(call).await, 401, UNAUTHENTICATED, Some("Bearer"));
        }
        let both = alice().at("/probe/a?access_token=x");
        assert_eq!(server.call(both).await.status(), StatusCode::BAD_REQUEST);
    }

    async fn optional_admits_none_but_never_bad_ones(host) {
        let server = host.serve(auth().optional(true).build().unwrap().layer()).await;
        assert_eq!(subject(&server, Call::ok()).await, "nobody");
        assert_eq!(subject(&server, alice()).await, "alice");
        for bad in ["Bearer x", "Basic YTpi", "Bearer", ""] {
            let reply = server.call(Call::ok().header("authorization", bad)).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
    }

    async fn api_keys_come_by_scheme_prefix_and_header(host) {
        let store = MemoryKeys::new();
        let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
        let (key, record) = keys.generate("bob").unwrap();
        store.insert(record).unwrap();
        let layer = auth().api_keys(keys).remove_credentials(true).build().unwrap().layer();
        let server = host.serve(layer).await;
        let key = key.as_str();
        for (name, value) in [
            ("x-api-key", key.to_owned()),
            ("authorization", format!("ApiKey {key}")),
            ("authorization", format!("Bearer {key}")),
        ] {
            assert_eq!(subject(&server, Call::ok().header(name, &value)).await, "bob");
            assert_eq!(server.last_seen().header(name), None, "it was removed");
        }
        assert_eq!(subject(&server, alice()).await, "alice");
        let typo = format!("{key}x");
        for value in [&typo, "", "acme_live_"] {
            let reply = server.call(Call::ok().header("x-api-key", value)).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
    }

    async fn who_calls_is_told_in_a_header_that_callers_cannot_set(host) {
        let user = http::HeaderName::from_static("x-user");
        let auth = auth()
            .optional(true)
            .forward(user, |principal| Some(principal.subject().to_owned()))
            .forward(http::HeaderName::from_static("x-bad"), |_| Some("a\nb".to_owned()));
        let server = host.serve(auth.build().unwrap().layer().when(|head| {
            !head.headers().contains_key("x-by")
        })).await;
        let forged = |call: Call| call.header("x-user", "root").header("x-bad", "root");
        for (call, user) in [
            (forged(alice()).header("x-user", "admin"), Some("alice")),
            (forged(Call::ok()), None),
            (forged(Call::ok()).header("x-by", "1"), None),
        ] {
            server.call(call).await.assert_ok();
            let seen = server.last_seen();
            assert_eq!(seen.headers().get_all("x-user").iter().count(), usize::from(user.is_some()));
            assert_eq!(seen.header("x-user"), user);
            assert_eq!(seen.header("x-bad"), None);
        }
    }

    #[hosts(axum, hyper)]
    async fn open_paths_and_preflights_pass_as_nobody(host) {
        let auth = auth().open(["/probe/b"]).pass_preflight(true).build().unwrap();
        let server = host.serve(auth.layer()).await;
        server.call(Call::ok().on(Route::B)).await.assert_ok();
        // Nobody asks for credentials there, and nobody should log them.
        let token = format!("Bearer {}", HMAC.of("alice", "a"));
        server.call(alice().on(Route::B).header("authorization", token)).await.assert_ok();
        let seen = server.last_seen();
        let sensitive = seen.headers().iter().filter(|(_, value)| value.is_sensitive());
        assert_eq!(sensitive.count(), 2);
        let options = Call::ok().method(http::Method::OPTIONS);
        assert_eq!(server.call(options.clone()).await.status(), StatusCode::UNAUTHORIZED);
        let preflight = options
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "PUT");
        assert_ne!(server.call(preflight.clone()).await.status(), StatusCode::UNAUTHORIZED);
        let strict = host.serve(AuthLayer::new(hmac_verifier())).await;
        assert_eq!(strict.call(preflight).await.status(), StatusCode::UNAUTHORIZED);
    }

    async fn each_issuer_has_keys_of_its_own(host) {
        let second = tower_ready_auth::JwtVerifier::builder()
            .issuer("https://second.example")
            .audience("orders")
            .keys(crate::support::key_set(&[EC.jwk(None)]))
            .build()
            .unwrap();
        let server = host.serve(auth().jwt(second).build().unwrap().layer()).await;
        assert_eq!(subject(&server, alice()).await, "alice");
        let iss = ("iss", json!("https://second.example"));
        let good = EC.token(&with(&[iss.clone(), ("sub", json!("bob"))]));
        assert_eq!(subject(&server, bearer(&good)).await, "bob");
        for token in [
            HMAC.token(&with(&[iss])),
            EC.token(&with(&[])),
            EC.token(&with(&[("iss", json!("https://third.example"))])),
        ] {
            let reply = server.call(bearer(&token)).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
    }
}
