//! Tokens that are good only with a key of their holder: proofs (RFC 9449) and certificates
//! (RFC 8705).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
use http::StatusCode;
use serde_json::{Value, json};
use tower_ready_auth::{
    Auth, AuthLayer, ClientCertificate, ConfigErrorKind, Dpop, DpopBuilder, Lookup, ReplayStore,
    StoreError,
};
use tower_ready_testing::{Call, Reply, Server, Speaks, each_host};

use crate::support::{EC, ED, HMAC, Signer, b64, hmac_verifier, now, with};

const ORIGIN: &str = "https://api.example";

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    b64(digest(&SHA256, bytes.as_ref()))
}

/// RFC 7638, of the elliptic keys of these tests.
fn thumbprint(signer: &Signer) -> String {
    let jwk = signer.jwk(None);
    let (crv, x) = (jwk["crv"].as_str().unwrap(), jwk["x"].as_str().unwrap());
    let y = jwk["y"].as_str().map(|y| format!(",\"y\":\"{y}\"")).unwrap_or_default();
    let kty = jwk["kty"].as_str().unwrap();
    sha256(format!("{{\"crv\":\"{crv}\",\"kty\":\"{kty}\",\"x\":\"{x}\"{y}}}"))
}

fn bound_to(signer: &Signer) -> String {
    HMAC.token(&with(&[("cnf", json!({ "jkt": thumbprint(signer) }))]))
}

/// The path and the method of the first route.
fn target(speaks: Speaks) -> (&'static str, &'static str) {
    match speaks {
        Speaks::Http => ("/probe/a", "GET"),
        Speaks::Grpc => ("/testing.v1.Probe/A", "POST"),
    }
}

fn claims(speaks: Speaks, token: &str, id: &str) -> Value {
    let (path, method) = target(speaks);
    json!({
        "htm": method,
        "htu": format!("{ORIGIN}{path}"),
        "iat": now(),
        "jti": id,
        "ath": sha256(token),
    })
}

fn proof(signer: &Signer, claims: &Value) -> String {
    let header = json!({"typ": "dpop+jwt", "jwk": signer.jwk(None)});
    signer.token_with(&header, claims)
}

fn call(scheme: &str, token: &str, proof: &str) -> Call {
    Call::ok().header("authorization", format!("{scheme} {token}")).header("dpop", proof)
}

fn layer(required: bool) -> AuthLayer {
    let dpop = Dpop::builder(ORIGIN).required(required).build().unwrap();
    Auth::builder().jwt(hmac_verifier()).no_throttle().dpop(dpop).build().unwrap().layer()
}

async fn refused(server: &Server, call: Call, challenge: &str) {
    let reply = server.call(call).await;
    reply.assert_rejected(StatusCode::UNAUTHORIZED, 16);
    let found = reply.header("www-authenticate").unwrap();
    assert!(found.contains(challenge), "{found}");
}

each_host! {
    async fn a_bound_token_needs_the_proof_of_its_key(host) {
        let server = host.serve(layer(false)).await;
        let speaks = host.speaks();
        for signer in [&*EC, &*ED] {
            let token = bound_to(signer);
            let good = proof(signer, &claims(speaks, &token, "1"));
            server.call(call("DPoP", &token, &good)).await.assert_ok();
            // A proof is good once.
            refused(&server, call("DPoP", &token, &good), "DPoP error=\"invalid_dpop_proof\"").await;
            let again = proof(signer, &claims(speaks, &token, "2"));
            server.call(call("dpop", &token, &again)).await.assert_ok();
            // A thief has the token, and perhaps a key of his own.
            let plain = Call::ok().header("authorization", format!("Bearer {token}"));
            refused(&server, plain, "error=\"invalid_token\"").await;
            let other = Signer::ec("P-256");
            let stolen = proof(&other, &claims(speaks, &token, "3"));
            refused(&server, call("DPoP", &token, &stolen), "error=\"invalid_token\"").await;
            let bearer = proof(signer, &claims(speaks, &token, "4"));
            refused(&server, call("Bearer", &token, &bearer), "error=\"invalid_token\"").await;
        }
        // A token that is not bound gains nothing by a proof, and needs none.
        let token = HMAC.of("alice", "a");
        let needless = proof(&EC, &claims(speaks, &token, "5"));
        refused(&server, call("DPoP", &token, &needless), "error=\"invalid_token\"").await;
        let plain = Call::ok().header("authorization", format!("Bearer {token}"));
        server.call(plain.clone()).await.assert_ok();
        let server = host.serve(layer(true)).await;
        refused(&server, plain, "DPoP error=\"invalid_token\"").await;
        refused(&server, Call::ok(), "DPoP algs=\"ES256").await;
    }

    async fn a_proof_is_of_this_request_this_token_and_this_minute(host) {
        let server = host.serve(layer(false)).await;
        let speaks = host.speaks();
        let token = bound_to(&EC);
        let changed = |name: &str, value: Value| {
            let mut claims = claims(speaks, &token, name);
            claims[name] = value;
            proof(&EC, &claims)
        };
        let (path, _) = target(speaks);
        let mut proofs = vec![
            changed("htm", json!("DELETE")),
            changed("htm", json!(target(speaks).1.to_lowercase())),
            changed("htu", json!(format!("https://other.example{path}"))),
            changed("htu", json!(format!("{ORIGIN}{path}/x"))),
            changed("htu", json!(path)),
            changed("iat", json!(now() - 100)),
            changed("iat", json!(now() + 100)),
            changed("iat", json!("now")),
            changed("iat", json!(1e300)),
            changed("ath", json!(sha256("another token"))),
            changed("ath", json!("")),
            changed("jti", json!("")),
            changed("jti", json!(7)),
            changed("jti", json!("x".repeat(300))),
        ];
        for missing in ["htm", "htu", "iat", "ath", "jti"] {
            let mut claims = claims(speaks, &token, "m");
            claims.as_object_mut().unwrap().remove(missing);
            proofs.push(proof(&EC, &claims));
        }
        let good = claims(speaks, &token, "h");
        let header = |header: Value| EC.token_with(&header, &good);
        let jwk = EC.jwk(None);
        let mut private = jwk.clone();
        private["d"] = json!("AAAA");
        proofs.extend([
            header(json!({"jwk": jwk})),
            header(json!({"typ": "JWT", "jwk": jwk})),
            header(json!({"typ": "dpop+jwt"})),
            header(json!({"typ": "dpop+jwt", "jwk": private})),
            header(json!({"typ": "dpop+jwt", "jwk": jwk, "crit": ["x"]})),
            header(json!({"typ": "dpop+jwt", "jwk": jwk, "kid": "a"})),
            header(json!({"typ": "dpop+jwt", "jwk": ED.jwk(None)})),
            header(json!({"typ": "dpop+jwt", "jwk": jwk, "alg": "none"})),
            HMAC.token_with(&json!({"typ": "dpop+jwt", "jwk": HMAC.jwk(None)}), &good),
            String::new(),
            "nonsense".to_owned(),
        ]);
        for proof in proofs {
            let call = call("DPoP", &token, &proof);
            refused(&server, call, "DPoP error=\"invalid_dpop_proof\"").await;
        }
        let twice = call("DPoP", &token, &proof(&EC, &claims(speaks, &token, "t1")))
            .header("dpop", proof(&EC, &claims(speaks, &token, "t2")));
        refused(&server, twice, "invalid_dpop_proof").await;
        let none = Call::ok().header("authorization", format!("DPoP {token}"));
        refused(&server, none, "invalid_dpop_proof").await;
        // None of them has used up the id of a good one.
        server.call(call("DPoP", &token, &proof(&EC, &good))).await.assert_ok();
    }

    async fn a_proof_has_a_nonce_of_the_service_where_it_asks_for_one(host) {
        let late = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&late);
        let clock = move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed));
        let dpop = Dpop::builder(ORIGIN).nonces([7; 32]).clock(clock).build().unwrap();
        let auth = Auth::builder().jwt(hmac_verifier()).dpop(dpop);
        // To come without a nonce is what every client does once, and no attempt.
        let auth = auth.throttle(1, Duration::from_secs(60)).source(|_| Some([192, 0, 2, 1].into()));
        let server = host.serve(auth.build().unwrap().layer()).await;
        let speaks = host.speaks();
        let token = bound_to(&EC);
        let with_nonce = |id: &str, nonce: Option<&str>| {
            let mut claims = claims(speaks, &token, id);
            claims["iat"] = json!(now() + late.load(Ordering::Relaxed));
            if let Some(nonce) = nonce {
                claims["nonce"] = json!(nonce);
            }
            call("DPoP", &token, &proof(&EC, &claims))
        };
        let nonce_of = |reply: &Reply| {
            reply.assert_rejected(StatusCode::UNAUTHORIZED, 16);
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\", algs="), "{challenge}");
            reply.header("dpop-nonce").unwrap().to_owned()
        };
        let nonce = nonce_of(&server.call(with_nonce("1", None)).await);
        server.call(with_nonce("1", Some(&nonce))).await.assert_ok();
        server.call(with_nonce("2", Some(&nonce))).await.assert_ok();
        for made_up in ["", "AAAAAAAAAAAAAAAAAAAAAA", "x"] {
            nonce_of(&server.call(with_nonce("3", Some(made_up))).await);
        }
        // After ten minutes it has to be a new one.
        late.store(601, Ordering::Relaxed);
        let next = nonce_of(&server.call(with_nonce("4", Some(&nonce))).await);
        assert_ne!(next, nonce);
        server.call(with_nonce("4", Some(&next))).await.assert_ok();
        // A proof that is bad for another reason is told no nonce.
        let replayed = server.call(with_nonce("4", Some(&next))).await;
        replayed.assert_rejected(StatusCode::UNAUTHORIZED, 16);
        assert_eq!(replayed.header("dpop-nonce"), None);
    }

    async fn a_store_of_proofs_that_is_down_lets_nobody_pass(host) {
        struct Down;

        impl ReplayStore for Down {
            fn is_first(
                &self,
                _: [u8; 32],
                _: SystemTime,
            ) -> Lookup<Result<bool, StoreError>> {
                Lookup::later(async { Err(StoreError::new("down")) })
            }
        }

        let dpop = Dpop::builder(ORIGIN).replays(Down).build().unwrap();
        let auth = Auth::builder().jwt(hmac_verifier()).dpop(dpop).build().unwrap();
        let server = host.serve(auth.layer()).await;
        let token = bound_to(&EC);
        let proof = proof(&EC, &claims(host.speaks(), &token, "1"));
        let reply = server.call(call("DPoP", &token, &proof)).await;
        reply.assert_rejected(StatusCode::SERVICE_UNAVAILABLE, 14);
    }

    async fn a_certificate_has_to_be_the_one_that_the_token_names(host) {
        let auth = Auth::builder().jwt(hmac_verifier()).no_throttle().client_certificate(|head| {
            Some(ClientCertificate::from_der(head.headers().get("x-cert")?.as_bytes()))
        });
        let server = host.serve(auth.build().unwrap().layer()).await;
        let token = HMAC.token(&with(&[("cnf", json!({"x5t#S256": sha256("mine")}))]));
        let plain = || Call::ok().header("authorization", format!("Bearer {token}"));
        server.call(plain().header("x-cert", "mine")).await.assert_ok();
        refused(&server, plain().header("x-cert", "another"), "error=\"invalid_token\"").await;
        refused(&server, plain(), "error=\"invalid_token\"").await;
        // Without a place to look, nothing is proved.
        let server = host.serve(AuthLayer::new(hmac_verifier())).await;
        refused(&server, plain(), "error=\"invalid_token\"").await;
        for cnf in [json!({}), json!("x"), json!({"kid": "a"}), json!({"jkt": "AAAA"}), json!(null)] {
            let token = with(&[]);
            let mut token = token;
            token["cnf"] = cnf;
            let call = Call::ok().header("authorization", format!("Bearer {}", HMAC.token(&token)));
            refused(&server, call, "error=\"invalid_token\"").await;
        }
    }
}

#[test]
fn an_origin_is_checked() {
    for origin in ["", "api.example", "/a", "https://api.example/a", "ftp://api.example"] {
        let error = Dpop::builder(origin).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Origin, "{origin}");
    }
}

#[test]
fn proofs_and_nonces_have_their_time() {
    let builder = || Dpop::builder(ORIGIN);
    let kind = |builder: DpopBuilder| builder.build().unwrap_err().kind();
    assert_eq!(kind(builder().nonces([7; 31])), ConfigErrorKind::NonceSecret);
    for time in [Duration::ZERO, Duration::from_secs(3_601), Duration::MAX] {
        assert_eq!(kind(builder().window(time)), ConfigErrorKind::ProofTime);
        assert_eq!(kind(builder().nonces([7; 32]).nonce_life(time)), ConfigErrorKind::ProofTime);
    }
}
