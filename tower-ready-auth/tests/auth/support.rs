//! Keys to sign with, and tokens to be refused.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_ready_auth::{Algorithm, JwtVerifier, JwtVerifierBuilder, Key, KeySet, Reason};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const SECRET: [u8; 32] = *b"a secret of thirty-two bytes....";

pub(crate) enum Signer {
    Hmac(hmac::Algorithm, &'static str, Vec<u8>),
    Ec(&'static str, EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

pub(crate) static EC: LazyLock<Signer> = LazyLock::new(|| Signer::ec("P-256"));
pub(crate) static ED: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed(Ed25519KeyPair::generate().unwrap()));
pub(crate) static RSA: LazyLock<Signer> =
    LazyLock::new(|| Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
pub(crate) static HMAC: LazyLock<Signer> = LazyLock::new(|| Signer::hs256(&SECRET));

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub(crate) fn hs256(secret: &[u8]) -> Self {
        Self::Hmac(hmac::HMAC_SHA256, "HS256", secret.to_vec())
    }

    pub(crate) fn ec(curve: &'static str) -> Self {
        let algorithm: &'static EcdsaSigningAlgorithm = match curve {
            "P-256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            "P-384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        };
        Self::Ec(curve, EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::Hmac(_, name, _) => name,
            Self::Ec("P-256", _) => "ES256",
            Self::Ec("P-384", _) => "ES384",
            Self::Ec(..) => "ES512",
            Self::Ed(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hmac(hash, _, secret) => {
                hmac::sign(&hmac::Key::new(*hash, secret), message).as_ref().to_vec()
            }
            Self::Ec(_, pair) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(_) => self.sign_rsa(&signature::RSA_PKCS1_SHA256, message),
        }
    }

    pub(crate) fn sign_rsa(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let Self::Rsa(pair) = self else { panic!("no RSA key") };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    pub(crate) fn jwk(&self, id: Option<&str>) -> Value {
        let mut jwk = match self {
            Self::Hmac(_, _, secret) => json!({"kty": "oct", "k": b64(secret)}),
            Self::Ec(curve, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
            Self::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": b64(public.n), "e": b64(public.e)})
            }
        };
        if let Some(id) = id {
            jwk["kid"] = id.into();
        }
        jwk
    }

    /// The public key as a `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::Hmac(..) => panic!("a secret is not public"),
            Self::Ec(_, pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(self.spki());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    pub(crate) fn raw_token(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = b64(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token with this header, to which the algorithm is added.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let mut full = json!({"alg": self.alg()});
        for (name, value) in header.as_object().unwrap() {
            full[name] = value.clone();
        }
        self.raw_token(full.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"typ": "JWT"}), claims)
    }

    /// A good token of a subject with a scope.
    pub(crate) fn of(&self, subject: &str, scope: &str) -> String {
        self.token(&with(&[("sub", json!(subject)), ("scope", json!(scope))]))
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Good claims, with these changed; `null` takes one away.
pub(crate) fn with(changes: &[(&str, Value)]) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": "orders",
        "sub": "alice",
        "exp": now() + 300,
        "iat": now(),
        "jti": "jti-1",
        "scope": "orders:read",
    });
    for (name, value) in changes {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(*name);
        } else {
            claims[*name] = value.clone();
        }
    }
    claims
}

pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::from_jwks(jwks(keys).as_bytes()).unwrap()
}

pub(crate) fn builder(signer: &Signer) -> JwtVerifierBuilder {
    JwtVerifier::builder().issuer(ISSUER).audience("orders").keys(key_set(&[signer.jwk(None)]))
}

pub(crate) fn verifier(signer: &Signer) -> JwtVerifier {
    builder(signer).build().unwrap()
}

pub(crate) fn hmac_verifier() -> JwtVerifier {
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience("orders")
        .keys(Key::secret(Algorithm::HS256, &SECRET).unwrap())
        .build()
        .unwrap()
}

#[track_caller]
pub(crate) fn reason(verifier: &JwtVerifier, token: impl AsRef<[u8]>) -> Reason {
    let token = token.as_ref();
    match verifier.verify(token) {
        Ok(principal) => panic!("{} passed as {principal:?}", token.escape_ascii()),
        Err(error) => error.reason(),
    }
}

pub(crate) fn after(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}
