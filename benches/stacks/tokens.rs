//! Tokens to verify.

use std::time::SystemTime;

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use tower_ready_auth::{Algorithm, ApiKeys, JwtVerifier, Key, MemoryKeys};

pub(crate) const SECRET: [u8; 32] = [7; 32];

/// The id of every key here, and the issuer and the audience of every token.
pub(crate) const KEY_ID: &str = "2026-11";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "orders";

pub(crate) struct Token {
    pub(crate) text: String,
    /// The key to check it with, in PEM, or none for the secret.
    key: Option<String>,
    /// The same as a member of a set, for peers.
    pub(crate) jwk: Value,
}

pub(crate) fn hs256(subject: &str) -> Token {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let text = token("HS256", subject, |signed| hmac::sign(&key, signed).as_ref().to_vec());
    let secret = URL_SAFE_NO_PAD.encode(SECRET);
    let jwk = json!({ "kty": "oct", "kid": KEY_ID, "alg": "HS256", "k": secret });
    Token { text, key: None, jwk }
}

/// Tokens of so many subjects, all signed with one key.
pub(crate) fn es256(subjects: usize) -> Vec<Token> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = STANDARD.encode(pair.public_key().as_der().unwrap().as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
    // A byte that says how the point is written, x and y.
    let [x, y] =
        [1..33, 33..65].map(|half| URL_SAFE_NO_PAD.encode(&pair.public_key().as_ref()[half]));
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": KEY_ID, "alg": "ES256", "x": x, "y": y,
    });
    let sign = |signed: &[u8]| pair.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec();
    (0..subjects)
        .map(|n| {
            let text = token("ES256", &format!("user-{n}"), sign);
            Token { text, key: Some(pem.clone()), jwk: jwk.clone() }
        })
        .collect()
}

pub(crate) fn verifier(token: &Token) -> JwtVerifier {
    let key = match &token.key {
        Some(pem) => Key::pem(Algorithm::ES256, pem),
        None => Key::secret(Algorithm::HS256, &SECRET),
    };
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(key.unwrap().id(KEY_ID))
        .build()
        .unwrap()
}

/// A key, and the keys that it is one of.
pub(crate) fn api_key() -> (ApiKeys, String) {
    let store = MemoryKeys::new();
    let keys = ApiKeys::builder("acme", "live").store(store.clone()).build().unwrap();
    let (key, record) = keys.generate("alice").unwrap();
    store.insert(record.scopes(["orders:read"])).unwrap();
    (keys, key.as_str().to_owned())
}

fn token(alg: &str, subject: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "exp": now + 100_000,
        "iat": now,
        "jti": "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0",
        "scope": "orders:read orders:write",
    });
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({ "alg": alg, "typ": "JWT", "kid": KEY_ID }).to_string();
    let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = b64(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}
