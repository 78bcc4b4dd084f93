//! Who calls, and may they.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::Router;
use http::Method;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};
use tower_ready_auth::{
    Algorithm, ApiKeys, Auth, AuthBuilder, JwtVerifier, Key, KeySource, MemoryKeys, Policy,
    PolicyTable, RevocationList,
};
use tower_ready_testing::{
    keys::{HMAC_SECRET, KeyPair, P256, P256_NEXT, jwks},
    logs,
};

use crate::{
    client::{call, get, order_7},
    finding::{comes_true, finding, finding_in_time, holds},
    service::{hand_made, handlers, serve},
};

fn in_seconds(seconds: i64) -> i64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs() as i64 + seconds
}

/// A token that is good, but for these claims.
fn claims(other: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "orders", "sub": "alice", "jti": "t-1",
        "iat": in_seconds(0), "exp": in_seconds(300), "scope": "orders:read",
    });
    let claims_of = claims.as_object_mut().unwrap();
    claims_of.extend(other.as_object().unwrap().clone());
    claims
}

fn token(other: &Value) -> String {
    signed_with(HMAC_SECRET, other)
}

fn signed_with(secret: &[u8], other: &Value) -> String {
    encode(&Header::default(), &claims(other), &EncodingKey::from_secret(secret)).unwrap()
}

fn verifier(keys: impl Into<KeySource>) -> JwtVerifier {
    let verifier = JwtVerifier::builder().issuer("https://issuer.example").audience("orders");
    verifier.keys(keys).build().unwrap()
}

fn auth() -> AuthBuilder {
    let key = Key::secret(Algorithm::HS256, HMAC_SECRET).unwrap();
    Auth::builder().jwt(verifier(key)).axum_source()
}

/// The handlers behind our layers: who calls, and what each route asks.
fn protected(auth: AuthBuilder) -> Router {
    let policies = PolicyTable::builder()
        .at("/orders/7", Policy::scope("orders:read"))
        .at("/admin/report", Policy::role("admin"));
    let layers = (auth.build().unwrap().layer(), policies.build().unwrap().layer());
    handlers().layer(layers)
}

/// Whether it is signed, and nothing else.
fn is_signed_with(secret: &[u8], token: &str) -> bool {
    let mut validation = Validation::default();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    decode::<Value>(token, &DecodingKey::from_secret(secret), &validation).is_ok()
}

fn by_hand() -> Router {
    hand_made(handlers(), |token| is_signed_with(HMAC_SECRET, token))
}

#[tokio::test]
async fn no_authentication_on_data_routes() {
    let (unprotected, protected) = (serve(handlers()).await, serve(protected(auth())).await);
    finding(unprotected, protected, async |server| {
        let status = get(server, "/orders/7").await.status;
        holds(status == 401, format!("whoever asks gets an order: {status}"))
    })
    .await;
}

#[tokio::test]
async fn issuer_audience_and_not_before_are_not_checked() {
    let (unprotected, protected) = (serve(by_hand()).await, serve(protected(auth())).await);
    finding(unprotected, protected, async |server| {
        assert_eq!(order_7(server, &token(&json!({}))).await.status, 200);
        for other in [
            json!({"iss": "https://other.example"}),
            json!({"aud": "payments"}),
            json!({"nbf": in_seconds(3_600)}),
            json!({"exp": in_seconds(-3_600)}),
        ] {
            let status = order_7(server, &token(&other)).await.status;
            holds(status == 401, format!("a token with {other} is good: {status}"))?;
        }
        Ok(())
    })
    .await;
}

/// A file of this test, gone with it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn keys_rotate_only_with_a_restart() {
    fn by(pair: KeyPair) -> String {
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(pair.kid.to_owned());
        let key = EncodingKey::from_ec_pem(pair.private_pem.as_bytes()).unwrap();
        encode(&header, &claims(&json!({})), &key).unwrap()
    }
    fn is_of_the_first_key(token: &str) -> bool {
        let key = DecodingKey::from_ec_pem(P256.public_pem.as_bytes()).unwrap();
        let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.set_audience(&["orders"]);
        decode::<Value>(token, &key, &validation).is_ok()
    }
    let path = std::env::temp_dir().join(format!("tower-ready-audit-{}.jwks", process::id()));
    let file = Scratch(path);
    fs::write(&file.0, jwks(&[P256])).unwrap();
    let keys = verifier(KeySource::file(&file.0).unwrap());
    let protected = serve(protected(Auth::builder().jwt(keys).no_throttle())).await;
    let unprotected = serve(hand_made(handlers(), is_of_the_first_key)).await;
    finding_in_time(unprotected, protected, async |server, patience| {
        fs::write(&file.0, jwks(&[P256])).unwrap();
        let becomes = async |pair: KeyPair, status: u16| {
            let token = by(pair);
            comes_true(patience, async || order_7(server, &token).await.status == status).await
        };
        assert!(becomes(P256, 200).await);
        fs::write(&file.0, jwks(&[P256_NEXT])).unwrap();
        holds(becomes(P256_NEXT, 200).await, "the key that came is not good")?;
        holds(becomes(P256, 401).await, "the key that went still is")
    })
    .await;
}

#[tokio::test]
async fn tokens_and_service_keys_cannot_be_revoked() {
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    let (api_key, record) = keys.generate("batch").unwrap();
    let id = record.id().to_owned();
    store.insert(record.scopes(["orders:read"])).unwrap();
    let list = RevocationList::new();
    let unprotected = serve(protected(auth().api_keys(keys.clone()))).await;
    let protected = serve(protected(auth().api_keys(keys).revocation(list.clone()))).await;
    finding(unprotected, protected, async |server| {
        list.restore("t-1");
        list.restore(&id);
        let by_token = async || order_7(server, &token(&json!({}))).await.status;
        let by_key = async || {
            let call = call(server, Method::GET, "/orders/7");
            call.header("x-api-key", api_key.as_str()).send().await.status
        };
        assert_eq!((by_token().await.as_u16(), by_key().await.as_u16()), (200, 200));
        list.credential("t-1", SystemTime::now() + Duration::from_secs(3_600));
        list.credential(&id, SystemTime::now() + Duration::from_secs(3_600));
        holds(by_token().await == 401, "a token that leaked is good to its end")?;
        holds(by_key().await == 401, "a key that leaked is good for ever")
    })
    .await;
}

#[tokio::test]
async fn short_secrets() {
    const SHORT: &[u8] = b"secret";
    let unprotected = hand_made(handlers(), |token| is_signed_with(SHORT, token));
    let unprotected = Ok::<SocketAddr, _>(serve(unprotected).await);
    let refused = Key::secret(Algorithm::HS256, SHORT).map(|_| unreachable!("it starts"));
    finding(unprotected, refused, async |started| {
        let Ok(server) = started else { return Ok(()) };
        for guess in ["password", "123456", "secret"] {
            let status = order_7(server, &signed_with(guess.as_bytes(), &json!({}))).await.status;
            holds(status == 401, format!("{guess:?} signs tokens"))?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn no_roles_and_no_scopes_for_each_route() {
    let unprotected = serve(handlers().layer(auth().build().unwrap().layer())).await;
    finding(unprotected, serve(protected(auth())).await, async |server| {
        let clerk = token(&json!({"scope": "orders:write", "roles": ["clerk"]}));
        let report = call(server, Method::GET, "/admin/report").by(&clerk).send().await.status;
        holds(report == 403, format!("a clerk reads the report: {report}"))?;
        let order = order_7(server, &clerk).await.status;
        holds(order == 403, format!("who may write reads: {order}"))
    })
    .await;
}

#[tokio::test]
async fn no_audit_log_of_authentication() {
    let (unprotected, protected) = (serve(by_hand()).await, serve(protected(auth())).await);
    finding(unprotected, protected, async |server| {
        let logs = logs::capture();
        let expired = token(&json!({"exp": in_seconds(-3_600), "sub": "mallory"}));
        order_7(server, &expired).await;
        let lines = logs.text();
        assert!(!lines.contains(&expired), "a token in the log: {lines}");
        let is_there =
            lines.lines().any(|line| line.contains("/orders/7") && line.contains("127.0.0.1"));
        holds(is_there, "nobody can tell who was refused, where and why")
    })
    .await;
}

#[tokio::test]
async fn no_protection_against_guessing() {
    let throttled = auth().throttle(5, Duration::from_secs(3_600));
    let (unprotected, protected) = (serve(by_hand()).await, serve(protected(throttled)).await);
    finding(unprotected, protected, async |server| {
        let mut seen = BTreeMap::<u16, u32>::new();
        for n in 0..20 {
            let status = order_7(server, &format!("guess-{n}")).await.status.as_u16();
            *seen.entry(status).or_default() += 1;
        }
        assert!(!seen.contains_key(&200));
        holds(seen.contains_key(&429), format!("20 guesses in a row are looked at: {seen:?}"))
    })
    .await;
}
