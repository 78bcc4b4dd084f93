//! What policies let pass, on every host, over real sockets.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tower::ServiceBuilder;
use tower_ready_auth::{AuthLayer, Policy, PolicyTable};
use tower_ready_testing::{Call, Route, Speaks, each_host};

use crate::{
    callers::{DENIED, UNAUTHENTICATED, alice, assert_rejected, auth, bearer},
    support::{HMAC, hmac_verifier, now, with},
};

each_host! {
    async fn a_policy_names_the_scope_that_is_missing(host) {
        let stack = ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(Policy::all_scopes(["orders:read", "orders:write"]).layer());
        let server = host.serve(stack).await;
        let challenge =
            "Bearer error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
        assert_rejected(&server.call(alice()).await, 403, DENIED, Some(challenge));
        let both = bearer(&HMAC.of("alice", "orders:write orders:read"));
        server.call(both).await.assert_ok();
        assert_eq!(server.hits(), 1);
    }

    async fn a_role_and_a_closure_say_no_without_a_challenge(host) {
        let stack = ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(Policy::role("admin").or(Policy::check("owner", |it, _| it.subject() == "bob")).layer());
        let server = host.serve(stack).await;
        assert_rejected(&server.call(alice()).await, 403, DENIED, None);
        let admin = HMAC.token(&with(&[("roles", json!(["admin"]))]));
        server.call(bearer(&admin)).await.assert_ok();
        server.call(bearer(&HMAC.of("bob", ""))).await.assert_ok();
    }

    async fn a_policy_may_ask_somebody(host) {
        let later = Policy::check_later("directory", |principal, _| {
            let yes = principal.subject() == "alice";
            async move {
                tokio::task::yield_now().await;
                yes
            }
        });
        let stack = ServiceBuilder::new()
            .layer(AuthLayer::new(hmac_verifier()))
            .layer(Policy::scope("orders:read").and(later).layer());
        let server = host.serve(stack).await;
        server.call(alice()).await.assert_ok();
        let bob = server.call(bearer(&HMAC.of("bob", "orders:read"))).await;
        assert_rejected(&bob, 403, DENIED, None);
    }

    async fn a_better_login_is_asked_for(host) {
        let policy = Policy::acr(["gold"]).and(Policy::fresh(Duration::from_secs(60)));
        let stack =
            ServiceBuilder::new().layer(AuthLayer::new(hmac_verifier())).layer(policy.layer());
        let server = host.serve(stack).await;
        let challenge = "Bearer error=\"insufficient_user_authentication\", \
            acr_values=\"gold\", max_age=\"60\"";
        let old = with(&[("acr", json!("gold")), ("auth_time", json!(now() - 61))]);
        for token in [HMAC.of("alice", "a"), HMAC.token(&old)] {
            let reply = server.call(bearer(&token)).await;
            assert_rejected(&reply, 401, UNAUTHENTICATED, Some(challenge));
        }
        let fresh = with(&[("acr", json!("gold")), ("auth_time", json!(now() - 5))]);
        server.call(bearer(&HMAC.token(&fresh))).await.assert_ok();
    }

    /// Forgetting the outer layer must not open the inner one.
    async fn a_policy_by_itself_lets_nobody_pass(host) {
        let server = host.serve(Policy::authenticated().layer()).await;
        let reply = server.call(alice()).await;
        reply.assert_rejected(StatusCode::INTERNAL_SERVER_ERROR, 13);
        assert_eq!(server.hits(), 0);

        let outside_in = ServiceBuilder::new()
            .layer(Policy::authenticated().layer())
            .layer(AuthLayer::new(hmac_verifier()));
        let server = host.serve(outside_in).await;
        let reply = server.call(alice()).await;
        reply.assert_rejected(StatusCode::INTERNAL_SERVER_ERROR, 13);
    }

    async fn whoever_passed_as_nobody_is_asked_by_a_policy(host) {
        let stack = ServiceBuilder::new()
            .layer(auth().optional(true).build().unwrap().layer())
            .layer(Policy::authenticated().layer());
        let server = host.serve(stack).await;
        assert_rejected(&server.call(Call::ok()).await, 401, UNAUTHENTICATED, Some("Bearer"));
        server.call(alice()).await.assert_ok();
    }

    async fn a_table_is_closed_but_for_its_paths(host) {
        let (a, b) = match host.speaks() {
            Speaks::Http => ("/probe/a", "/probe/b"),
            Speaks::Grpc => ("/testing.v1.Probe/A", "/testing.v1.Probe/B"),
        };
        let table = PolicyTable::builder()
            .at(a, Policy::scope("orders:read"))
            .at(b, Policy::role("admin"))
            .build()
            .unwrap();
        let stack =
            ServiceBuilder::new().layer(AuthLayer::new(hmac_verifier())).layer(table.layer());
        let server = host.serve(stack).await;
        server.call(alice()).await.assert_ok();
        for route in [Route::B, Route::C] {
            assert_rejected(&server.call(alice().on(route)).await, 403, DENIED, None);
        }
        if host.speaks() == Speaks::Grpc {
            for other in [a.to_lowercase(), a.to_uppercase(), format!("{a}/"), format!("/{a}")] {
                assert_rejected(&server.call(alice().at(&other)).await, 403, DENIED, None);
            }
        }
        assert_eq!(server.hits(), 1);
    }

    /// Where a router and a policy read a path differently, somebody slips between them.
    #[hosts(axum, hyper)]
    async fn no_spelling_of_a_path_slips_by(host) {
        let table = PolicyTable::builder()
            .at("/probe/a", Policy::authenticated())
            .at("/probe/admin", Policy::role("admin"))
            .build()
            .unwrap();
        let auth = auth().open(["/probe/health"]).build().unwrap();
        let stack = ServiceBuilder::new().layer(auth.layer()).layer(table.layer());
        let server = host.serve(stack).await;
        for path in [
            "/probe//admin",
            "//probe/admin",
            "/probe/admin/",
            "/probe/%61dmin",
            "/probe/a/../admin",
            "/probe/a%2f..%2fadmin",
            "/probe/admin;a=b",
            "/probe/Admin",
            "/probe/admin%00",
            "/probe/./admin",
            "/probe/health-admin",
            "/probe/health/../admin",
            "/probe/%68ealth",
        ] {
            let reply = server.call(alice().at(path)).await;
            assert!(matches!(reply.status().as_u16(), 403 | 404), "{path} {reply:?}");
            let stranger = server.call(Call::ok().at(path)).await;
            assert!(matches!(stranger.status().as_u16(), 401 | 404), "{path} {stranger:?}");
        }
        for method in [http::Method::HEAD, http::Method::OPTIONS, http::Method::PUT] {
            let call = alice().at("/probe/admin").method(method);
            assert_ne!(server.call(call).await.status(), StatusCode::OK);
        }
        assert_eq!(server.hits(), 0);
    }
}
