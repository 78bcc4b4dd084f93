//! Who is calling: tokens by algorithm, seen before and not, API keys, and those who get in nowhere.

use std::{hint::black_box, time::SystemTime};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use jsonwebtoken::{DecodingKey, Validation, crypto::aws_lc::DEFAULT_PROVIDER};
use serde_json::{Value, json};
use tower_layer::Layer;
use tower_ready_auth::{Algorithm, Auth, AuthLayer, JwtVerifier, Key, Policy, RevocationList};
use tower_ready_benches::{Cases, NoOp, Repeat, call};

use crate::{
    requests::get,
    stacks::{
        peers,
        tokens::{self, ISSUER, KEY_ID, SECRET},
    },
};

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// One algorithm: how to sign, and the key to check with, as ours and as jsonwebtoken's.
struct Signer {
    algorithm: Algorithm,
    sign: Box<Sign>,
    key: Box<dyn Fn() -> Key>,
    peer: (jsonwebtoken::Algorithm, DecodingKey),
    /// The key as a member of a set.
    jwk: Value,
}

pub(crate) fn cases(cases: &mut Cases) {
    let _ = DEFAULT_PROVIDER.install_default();
    for signer in signers() {
        algorithms(cases, &signer);
    }
    once(cases);
    api_keys(cases);
    rejections(cases);
    policies(cases);
}

fn algorithms(cases: &mut Cases, signer: &Signer) {
    let token = signer.token();
    let request = bearer(&token);
    let (algorithm, key) = signer.peer.clone();
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["orders"]);
    let decode = Repeat::of(move || {
        jsonwebtoken::decode::<Value>(black_box(&token), &key, &validation).unwrap()
    });
    let peer = peers::tokens_with(&signer.jwk()).layer(NoOp);
    let group = cases.over(signer.algorithm.name(), "a no-op service", call(&request, NoOp)).ours(
        "AuthLayer, a new token",
        call(&request, AuthLayer::new(signer.verifier(0)).layer(NoOp)),
    );
    let group = group.peer("tower-oauth2-resource-server", call(&request, peer));
    let seen = AuthLayer::new(signer.verifier(100)).layer(NoOp);
    let auth = Auth::builder().jwt(signer.verifier(100)).revocation(revoked()).build().unwrap();
    group
        .ours("AuthLayer, a token seen before", call(&request, seen))
        .ours("the same, with a list of revoked ones", call(&request, auth.layer().layer(NoOp)));
    cases.operations(signer.algorithm.name()).peer("jsonwebtoken's decode alone", decode);
}

/// What it costs to remember tokens where each comes but once.
fn once(cases: &mut Cases) {
    let signer = signers().remove(0);
    let tokens: Vec<_> = (0..4_096).map(|n| signer.token_of(&format!("jti-{n}"))).collect();
    let verify = |cached, tokens: Vec<String>| {
        let verifier = signer.verifier(cached);
        let verify = move |token: &String| verifier.verify(black_box(token.as_bytes())).unwrap();
        // So that its cache is full, and hardly any of those that come next is in it.
        tokens.iter().for_each(|token| drop(verify(token)));
        let mut at = tokens.len() / 2;
        Repeat::of(move || {
            at = (at + 1) % tokens.len();
            verify(&tokens[at])
        })
    };
    cases
        .operations("HS256, verify alone")
        .ours("nothing remembered", verify(0, tokens.clone()))
        .ours("remembered, each token once", verify(64, tokens.clone()))
        .ours("remembered, a token seen before", verify(100, tokens[..1].to_vec()));
}

fn revoked() -> RevocationList {
    let list = RevocationList::new();
    for n in 0..1_000 {
        list.credential(&format!("jti-{n}-revoked"), SystemTime::now());
        list.key(&format!("key-{n}"));
    }
    list
}

fn api_keys(cases: &mut Cases) {
    let (keys, key) = tokens::api_key();
    let mut request = anonymous();
    request.headers_mut().insert("x-api-key", shared(&key));
    cases
        .over("API key", "a no-op service", call(&request, NoOp))
        .ours("AuthLayer", call(&request, AuthLayer::new(keys).layer(NoOp)));
}

fn rejections(cases: &mut Cases) {
    let signer = signers().remove(0);
    let ours = || {
        let auth = Auth::builder().jwt(signer.verifier(0)).no_throttle();
        auth.build().unwrap().layer().layer(NoOp)
    };
    let mut forged = signer.token();
    forged.replace_range(forged.len() - 4..forged.len() - 2, "AA");
    let verifier = signer.verifier(0);
    let malformed = signer.token().replace('.', ",");
    let (algorithm, key) = signer.peer.clone();
    let decoded = malformed.clone();
    let request = bearer(&malformed.replace(',', "-"));
    cases
        .operations("rejection")
        .ours(
            "a malformed token, verify alone",
            Repeat::of(move || verifier.verify(black_box(malformed.as_bytes())).unwrap_err()),
        )
        .peer(
            "the same, jsonwebtoken's decode",
            Repeat::of(move || {
                let validation = Validation::new(algorithm);
                jsonwebtoken::decode::<Value>(black_box(&decoded), &key, &validation).unwrap_err()
            }),
        );
    cases
        .over("rejection", "a no-op service", call(&request, NoOp))
        .ours("a malformed token, the whole answer", call(&request, ours()))
        .ours("a forged HS256 token, the whole answer", call(&bearer(&forged), ours()))
        .ours("no credentials, the whole answer", call(&anonymous(), ours()));
}

fn policies(cases: &mut Cases) {
    let signer = signers().remove(1);
    let request = bearer(&signer.token());
    let auth = || AuthLayer::new(signer.verifier(100));
    let policy = Policy::scope("orders:read").or(Policy::role("admin"));
    cases
        .over("policy", "AuthLayer", call(&request, auth().layer(NoOp)))
        .ours("a scope or a role", call(&request, auth().layer(policy.layer().layer(NoOp))));
}

fn signers() -> Vec<Signer> {
    let hmac = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ed = Ed25519KeyPair::generate().unwrap();
    let rsa_der = rsa.public_key().as_der().unwrap().as_ref().to_vec();
    let ec_der = ec.public_key().as_der().unwrap().as_ref().to_vec();
    let ed_der = ed.public_key().as_der().unwrap().as_ref().to_vec();
    let (rsa_pem, ec_pem, ed_pem) = (pem(&rsa_der), pem(&ec_der), pem(&ed_der));
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let [n, e] = [n, e].map(|number| b64(number.big_endian_without_leading_zero()));
    let rsa_jwk = json!({"kty": "RSA", "n": n, "e": e});
    // A point is a byte that says how it is written, x and y.
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let ec_jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)});
    let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(ed.public_key().as_ref())});
    let random = SystemRandom::new();
    vec![
        Signer {
            algorithm: Algorithm::HS256,
            sign: Box::new(move |message| hmac::sign(&hmac, message).as_ref().to_vec()),
            key: Box::new(|| Key::secret(Algorithm::HS256, &SECRET).unwrap()),
            peer: (jsonwebtoken::Algorithm::HS256, DecodingKey::from_secret(&SECRET)),
            jwk: json!({"kty": "oct", "k": b64(SECRET)}),
        },
        Signer {
            algorithm: Algorithm::RS256,
            sign: Box::new(move |message| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }),
            key: Box::new(move || Key::pem(Algorithm::RS256, &rsa_pem).unwrap()),
            peer: (jsonwebtoken::Algorithm::RS256, DecodingKey::from_rsa_der(&rsa_der)),
            jwk: rsa_jwk,
        },
        Signer {
            algorithm: Algorithm::ES256,
            sign: Box::new(move |message| {
                ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }),
            key: Box::new(move || Key::pem(Algorithm::ES256, &ec_pem).unwrap()),
            peer: (jsonwebtoken::Algorithm::ES256, DecodingKey::from_ec_der(&ec_der)),
            jwk: ec_jwk,
        },
        Signer {
            algorithm: Algorithm::EdDSA,
            sign: Box::new(move |message| ed.sign(message).as_ref().to_vec()),
            key: Box::new(move || Key::pem(Algorithm::EdDSA, &ed_pem).unwrap()),
            peer: (jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_der(&ed_der)),
            jwk: ed_jwk,
        },
    ]
}

impl Signer {
    fn verifier(&self, cached: usize) -> JwtVerifier {
        JwtVerifier::builder()
            .issuer(ISSUER)
            .audience("orders")
            .keys((self.key)().id(KEY_ID))
            .cache(cached)
            .build()
            .unwrap()
    }

    fn token(&self) -> String {
        self.token_of("0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0")
    }

    /// Seven claims, as an issuer makes them.
    fn token_of(&self, id: &str) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let header = json!({"alg": self.algorithm.name(), "typ": "JWT", "kid": KEY_ID});
        let claims = json!({
            "iss": ISSUER,
            "aud": "orders",
            "sub": "7f3a0c1e-alice",
            "exp": now + 100_000,
            "iat": now,
            "jti": id,
            "scope": "orders:read orders:write",
        });
        let (header, claims) = (header.to_string(), claims.to_string());
        let signed = format!("{}.{}", b64(&header), b64(&claims));
        let signature = (self.sign)(signed.as_bytes());
        format!("{signed}.{}", b64(&signature))
    }

    fn jwk(&self) -> Value {
        let mut key = self.jwk.clone();
        key["kid"] = KEY_ID.into();
        key["alg"] = self.algorithm.name().into();
        key
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn anonymous() -> Request<()> {
    let mut request = get();
    request.headers_mut().remove(AUTHORIZATION);
    request
}

fn bearer(token: &str) -> Request<()> {
    let mut request = get();
    request.headers_mut().insert(AUTHORIZATION, shared(&format!("Bearer {token}")));
    request
}

/// As a host hands it on: a slice of the connection's buffer.
fn shared(text: &str) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text.to_owned())).unwrap()
}
