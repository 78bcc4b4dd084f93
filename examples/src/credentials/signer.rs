use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;

type Failure = Box<dyn Error + Send + Sync>;

/// Signs tokens, as an identity provider would.
pub(crate) struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    jwk: Jwk,
}

/// What a token says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) jti: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
}

impl Signer {
    /// Reads a private key in PEM: RSA, P-256, P-384 or Ed25519.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Failure> {
        let pem = pem.as_bytes();
        let rsa = || EncodingKey::from_rsa_pem(pem);
        let ec = || EncodingKey::from_ec_pem(pem);
        let ed = || EncodingKey::from_ed_pem(pem);
        let candidates: [(&dyn Fn() -> _, _); 4] = [
            (&ec, Algorithm::ES256),
            (&ec, Algorithm::ES384),
            (&ed, Algorithm::EdDSA),
            (&rsa, Algorithm::RS256),
        ];
        // The one of its kind, and of its curve, is the one that can sign.
        for (read, algorithm) in candidates {
            let Ok(key) = read() else { continue };
            let Ok(jwk) = Jwk::from_encoding_key(&key, algorithm) else { continue };
            if encode(&Header::new(algorithm), &(), &key).is_ok() {
                return Self { key, algorithm, jwk }.published();
            }
        }
        Err("is no private key in PEM: RSA, P-256, P-384 and Ed25519 are".into())
    }

    /// Its id, unless it is told another: a digest of the public key (RFC 7638), so that two keys
    /// never have the same.
    fn published(mut self) -> Result<Self, Failure> {
        let id = self.jwk.thumbprint(ThumbprintHash::SHA256)?;
        self.jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(self.id(id))
    }

    /// Another id.
    pub(crate) fn id(mut self, id: String) -> Self {
        self.jwk.common.key_id = Some(id);
        self
    }

    /// The public key, as a set that `--jwks` takes.
    pub(crate) fn jwks(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string(&JwkSet { keys: vec![self.jwk.clone()] })?)
    }

    /// Signs a token.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let mut header = Header::new(self.algorithm);
        header.kid.clone_from(&self.jwk.common.key_id);
        Ok(encode(&header, claims, &self.key)?)
    }
}

/// Seconds since 1970, this much from now.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_add(seconds)
}
