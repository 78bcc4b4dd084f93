//! Key pairs and a secret for tests of tokens. They are published and protect nothing.
//!
//! ```
//! use tower_ready_testing::keys;
//!
//! assert!(keys::RSA.private_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
//! assert_eq!(keys::P256.kid, "test-p256");
//!
//! // What an identity provider serves, before and after it rotated its keys.
//! let before = keys::jwks(&[keys::RSA]);
//! let after = keys::jwks(&[keys::RSA, keys::RSA_NEXT]);
//! assert!(before.len() < after.len());
//! ```

/// A key pair in the forms that libraries read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyPair {
    /// The `kid` of the JWK.
    pub kid: &'static str,
    /// The `alg` of the JWK; `RSA` works for the other RSA algorithms too.
    pub alg: &'static str,
    /// The private key, PKCS#8 in PEM.
    pub private_pem: &'static str,
    /// The public key, SubjectPublicKeyInfo in PEM.
    pub public_pem: &'static str,
    /// The public key as a JWK.
    pub jwk: &'static str,
}

macro_rules! key_pair {
    ($name:literal, $alg:literal) => {
        KeyPair {
            kid: concat!("test-", $name),
            alg: $alg,
            private_pem: include_str!(concat!("../fixtures/keys/", $name, ".private.pem")),
            public_pem: include_str!(concat!("../fixtures/keys/", $name, ".public.pem")),
            jwk: include_str!(concat!("../fixtures/keys/", $name, ".jwk.json")),
        }
    };
}

/// RSA with 2048 bits.
pub const RSA: KeyPair = key_pair!("rsa", "RS256");
/// RSA with 2048 bits: the key to which a provider rotates.
pub const RSA_NEXT: KeyPair = key_pair!("rsa-next", "RS256");
/// RSA with 1024 bits, which RFC 7518 §3.3 forbids.
pub const RSA_WEAK: KeyPair = key_pair!("rsa-weak", "RS256");
/// EC on P-256.
pub const P256: KeyPair = key_pair!("p256", "ES256");
/// EC on P-256: the key to which a provider rotates.
pub const P256_NEXT: KeyPair = key_pair!("p256-next", "ES256");
/// EC on P-384.
pub const P384: KeyPair = key_pair!("p384", "ES384");
/// Ed25519.
pub const ED25519: KeyPair = key_pair!("ed25519", "EdDSA");

/// Every key pair.
pub const ALL: [KeyPair; 7] = [RSA, RSA_NEXT, RSA_WEAK, P256, P256_NEXT, P384, ED25519];

/// A secret of 64 bytes for HMAC: hexadecimal digits, used as they are.
pub const HMAC_SECRET: &[u8] = include_bytes!("../fixtures/keys/hmac.secret.hex").trim_ascii();

/// The public keys as a JWK set.
#[must_use]
pub fn jwks(keys: &[KeyPair]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk.trim()).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}
