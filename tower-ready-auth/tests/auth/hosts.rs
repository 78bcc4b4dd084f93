//! What callers see, on every host, over real sockets.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::StatusCode;
use serde_json::json;
use tower::ServiceBuilder;
use tower_ready_auth::{
    ApiKeys, Auth, AuthBuilder, AuthLayer, Event, EventKind, Lookup, MemoryKeys, Policy,
    PolicyTable, Principal, Reason, Revocation, RevocationFile, RevocationList, StoreError,
};
use tower_ready_testing::{Call, Reply, Route, Server, Speaks, each_host};

use crate::{
    keys::File,
    support::{EC, HMAC, after, hmac_verifier, now, verifier, with},
};

const UNAUTHENTICATED: i32 = 16;
const DENIED: i32 = 7;

fn auth() -> AuthBuilder {
    Auth::builder().jwt(hmac_verifier()).source(source)
}

/// Tests have one loopback address, so a header says where a call comes from.
fn source(head: &tower_ready_core::Head<'_>) -> Option<IpAddr> {
    head.headers().get("x-source")?.to_str().ok()?.parse().ok()
}

fn bearer(token: &str) -> Call {
    Call::ok().header("authorization", format!("Bearer {token}"))
}

fn alice() -> Call {
    bearer(&HMAC.of("alice", "orders:read"))
}

#[track_caller]
fn assert_rejected(reply: &Reply, status: u16, code: i32, challenge: Option<&str>) {
    reply.assert_rejected(StatusCode::from_u16(status).unwrap(), code);
    assert_eq!(reply.header("www-authenticate"), challenge);
}

async fn subject(server: &Server, call: Call) -> String {
    server.call(call).await.assert_ok();
    let seen = server.last_seen();
    seen.extension::<Principal>().map_or("nobody", Principal::subject).to_owned()
}

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

    #[hosts(axum, hyper)]
    async fn open_paths_and_preflights_pass_as_nobody(host) {
        let auth = auth().open(["/probe/b"]).pass_preflight(true).build().unwrap();
        let server = host.serve(auth.layer()).await;
        server.call(Call::ok().on(Route::B)).await.assert_ok();
        let options = Call::ok().method(http::Method::OPTIONS);
        assert_eq!(server.call(options.clone()).await.status(), StatusCode::UNAUTHORIZED);
        let preflight = options
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "PUT");
        assert_ne!(server.call(preflight).await.status(), StatusCode::UNAUTHORIZED);
    }

    async fn what_is_revoked_is_refused_though_it_was_good(host) {
        let revoked = RevocationList::new();
        let auth = Auth::builder().jwt(verifier(&EC)).revocation(revoked.clone()).build().unwrap();
        let server = host.serve(auth.layer()).await;
        let token = |id: &str, subject: &str| {
            EC.token(&with(&[("jti", json!(id)), ("sub", json!(subject))]))
        };
        let (one, two, bob) = (token("1", "alice"), token("2", "alice"), token("3", "bob"));
        for token in [&one, &two, &bob] {
            server.call(bearer(token)).await.assert_ok();
        }
        revoked.credential("1", after(300));
        server.call(bearer(&one)).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        server.call(bearer(&two)).await.assert_ok();
        revoked.subject("alice");
        server.call(bearer(&two)).await.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        server.call(bearer(&bob)).await.assert_ok();
        // Without an id it could not be revoked.
        let nameless = EC.token(&with(&[("jti", json!(null))]));
        let reply = server.call(bearer(&nameless)).await;
        reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
    }

    async fn a_store_that_is_down_lets_nobody_pass_unless_told_to(host) {
        struct Down;

        impl Revocation for Down {
            fn is_revoked(&self, _: &Principal) -> Lookup<Result<bool, StoreError>> {
                Lookup::later(async { Err(StoreError::new("password=K-4711 refused")) })
            }
        }

        let server = host.serve(auth().revocation(Down).build().unwrap().layer()).await;
        let reply = server.call(alice()).await;
        assert_rejected(&reply, 503, 14, None);
        assert!(!format!("{reply:?}").contains("password=K-4711"));
        let open = auth().revocation(Down).fail_open(true).build().unwrap();
        let server = host.serve(open.layer()).await;
        assert_eq!(subject(&server, alice()).await, "alice");
    }

    async fn a_file_revokes_by_each_of_its_values(host) {
        let name = format!("revoked-{}", std::any::type_name_of_val(&host).len() + now() as usize);
        let file = File::new(&format!("{name}-{:p}", &host), "# none\n\n");
        let revoked = RevocationFile::open(&file.0).unwrap();
        let server = host.serve(auth().revocation(revoked.clone()).build().unwrap().layer()).await;
        server.call(alice()).await.assert_ok();
        for value in ["jti-1", "alice"] {
            file.write(&format!("x\n{value}\n"));
            revoked.reread().unwrap();
            let reply = server.call(alice()).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        file.write("x\n");
        revoked.reread().unwrap();
        server.call(alice()).await.assert_ok();
    }

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
        let reply = server.call(from(alice(), "192.0.2.1")).await;
        reply.assert_rejected(StatusCode::TOO_MANY_REQUESTS, 8);
        let wait = match host.speaks() {
            Speaks::Http => reply.header("retry-after"),
            Speaks::Grpc => reply.header("grpc-retry-pushback-ms"),
        };
        assert!(wait.is_some(), "{reply:?}");
        for (call, source) in [(alice(), "192.0.2.2"), (alice(), "2001:db8::1")] {
            server.call(from(call, source)).await.assert_ok();
        }
        // To come without credentials is no attempt.
        for _ in 0..5 {
            let reply = server.call(from(Call::ok(), "192.0.2.3")).await;
            reply.assert_rejected(StatusCode::UNAUTHORIZED, UNAUTHENTICATED);
        }
        server.call(from(alice(), "192.0.2.3")).await.assert_ok();
    }

    async fn an_observer_hears_what_was_decided(host) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (auth_heard, policy_heard) = (Arc::clone(&heard), Arc::clone(&heard));
        let hear = |heard: &Mutex<Vec<_>>, event: &Event<'_>| {
            let subject = event.principal.map(|it| it.subject().to_owned());
            heard.lock().unwrap().push((event.kind, event.reason, subject));
        };
        let auth = auth().on_event(move |event: &Event<'_>| hear(&auth_heard, event));
        let policy = Policy::scope("orders:write").layer();
        let stack = ServiceBuilder::new()
            .layer(auth.build().unwrap().layer())
            .layer(policy.on_event(move |event: &Event<'_>| hear(&policy_heard, event)));
        let server = host.serve(stack).await;
        server.call(Call::ok()).await;
        server.call(alice()).await;
        assert_eq!(*heard.lock().unwrap(), [
            (EventKind::Refused, Some(Reason::MissingCredentials), None),
            (EventKind::Admitted, None, Some("alice".to_owned())),
            (EventKind::Denied, Some(Reason::InsufficientScope), Some("alice".to_owned())),
        ]);
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

#[test]
fn revocation_by_subject_spares_newer_tokens() {
    let revoked = RevocationList::new();
    revoked.subject_before("alice", SystemTime::now() - Duration::from_secs(60));
    let verifier = hmac_verifier();
    let is_revoked = |claims: &serde_json::Value| {
        let principal = verifier.verify(HMAC.token(claims).as_bytes()).unwrap();
        match revoked.is_revoked(&principal) {
            Lookup::Ready(revoked) => revoked.unwrap(),
            Lookup::Later(_) => panic!("a list answers at once"),
        }
    };
    assert!(!is_revoked(&with(&[])));
    assert!(is_revoked(&with(&[("iat", json!(now() - 61))])));
    assert!(is_revoked(&with(&[("iat", json!(null))])));
    assert!(!is_revoked(&with(&[("sub", json!("bob"))])));
    revoked.restore("alice");
    assert!(revoked.is_empty());
}
