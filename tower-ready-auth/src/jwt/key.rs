use std::{error::Error, fmt, sync::Arc};

use aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};

use super::{Algorithm, algorithm::Family, der::Rsa, jwk, pem, weak};

/// A key that checks signatures, prepared once.
///
/// ```
/// use tower_ready_auth::{Algorithm, Key};
///
/// let secret = [7; 32]; // at least as long as the hash, and random
/// let key = Key::secret(Algorithm::HS256, &secret)?.id("2026-11");
/// assert_eq!(key.key_id(), Some("2026-11"));
/// # Ok::<(), tower_ready_auth::KeyError>(())
/// ```
pub struct Key {
    /// Counted, since each principal holds it.
    id: Option<Arc<str>>,
    prepared: Vec<(Algorithm, Prepared)>,
    /// The public members of the key, or a digest of the secret: what tells it from another.
    identity: [u8; 32],
}

enum Prepared {
    // Boxed, since it is twenty times as large.
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// Why something is no key for signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It cannot be read: no JSON, no PEM, members missing, a point that is not on its curve.
    Malformed,
    /// A kind, a curve or an algorithm that is not known here.
    Unknown,
    /// Its `use`, `key_ops` or `alg` is for something else than signatures.
    NotForSignatures,
    /// The algorithm is of another kind than the key.
    WrongKind,
    /// A secret that is shorter than the hash (RFC 7518 §3.2).
    ShortSecret,
    /// A secret that is a public key, in PEM or DER or as a JWK: taken for a secret, it lets everybody
    /// sign.
    PublicAsSecret,
    /// An RSA key of fewer than 2048 bits (RFC 7518 §3.3) or more than 8192, with an exponent that
    /// is even or below 3, or with a modulus of the form that CVE-2017-15361 breaks.
    WeakRsa,
    /// An Ed25519 key of small order, for which anybody can sign.
    WeakEd25519,
    /// A secret where only public keys may be.
    SecretAmongPublic,
    /// A key id longer than 256 bytes.
    LongId,
    /// A key of the same kind has this id already.
    DuplicateId,
}

// === impl Key ===

impl Key {
    /// The longest key id.
    pub const MAX_ID: usize = 256;

    /// A secret for one of the HMAC algorithms, at least as long as the hash: 32, 48 or 64 bytes.
    ///
    /// # Errors
    ///
    /// When it is shorter, when it is a public key, or when the algorithm is none with a secret.
    pub fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        Self::from_secret(&[algorithm], secret)
    }

    /// A public key in PEM: `PUBLIC KEY` (RFC 5280), or `RSA PUBLIC KEY` (RFC 8017).
    ///
    /// # Errors
    ///
    /// When it cannot be read, is weak, or is of another kind than the algorithm.
    pub fn pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::first(pem).ok_or(KeyError::Malformed)?;
        match (label, algorithm.family()) {
            ("PUBLIC KEY" | "RSA PUBLIC KEY", Family::Rsa) => {
                let rsa = Rsa::from_der(&der).ok_or(KeyError::WrongKind)?;
                Self::from_rsa(&[algorithm], rsa)
            }
            ("PUBLIC KEY", Family::Ec) => {
                Self::from_public(&[algorithm], &der, KeyError::WrongKind)
            }
            ("PUBLIC KEY", Family::Ed25519) => {
                // The last 32 bytes are the key (RFC 8410 §4).
                let raw = der.last_chunk().ok_or(KeyError::Malformed)?;
                weak::check_ed25519(raw)?;
                Self::from_public(&[algorithm], &der, KeyError::WrongKind)
            }
            (_, Family::Hmac) => Err(KeyError::PublicAsSecret),
            _ => Err(KeyError::Unknown),
        }
    }

    /// A JWK (RFC 7517 §4). Private members are not kept.
    ///
    /// With an `alg` it is for that algorithm alone, without one for those of its kind, and of its
    /// curve or its length.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is weak or not for signatures.
    pub fn jwk(json: &[u8]) -> Result<Self, KeyError> {
        jwk::parse(json)
    }

    /// The id by which tokens name it. Default: none, which a token with any id may mean.
    #[must_use]
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The id by which tokens name it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn shared_id(&self) -> Option<Arc<str>> {
        self.id.clone()
    }

    /// The algorithms it is for.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.prepared.iter().map(|it| it.0)
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.prepared.iter().any(|it| it.0 == algorithm)
    }

    /// Whether it is the very same key, of the same name and for the same algorithms.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.identity == other.identity
            && self.algorithms().eq(other.algorithms())
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.prepared.iter().any(|it| it.0.is_symmetric())
    }

    /// Whether the signature is this key's, for the exact bytes that were received.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let prepared = self.prepared.iter().find(|it| it.0 == algorithm);
        prepared.is_some_and(|(_, prepared)| match prepared {
            Prepared::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Prepared::Public(key) => key.verify_sig(message, signature).is_ok(),
        })
    }

    pub(super) fn from_secret(algorithms: &[Algorithm], secret: &[u8]) -> Result<Self, KeyError> {
        if weak::is_public(secret) {
            return Err(KeyError::PublicAsSecret);
        }
        let mut prepared = Vec::new();
        let mut problem = KeyError::WrongKind;
        for algorithm in algorithms {
            let (hash, shortest) = match algorithm {
                Algorithm::HS256 => (hmac::HMAC_SHA256, 32),
                Algorithm::HS384 => (hmac::HMAC_SHA384, 48),
                Algorithm::HS512 => (hmac::HMAC_SHA512, 64),
                _ => continue,
            };
            if secret.len() < shortest {
                problem = KeyError::ShortSecret;
            } else {
                prepared.push((*algorithm, Prepared::Hmac(Box::new(hmac::Key::new(hash, secret)))));
            }
        }
        if prepared.is_empty() {
            return Err(problem);
        }
        Ok(Self::new(prepared, secret))
    }

    pub(super) fn from_rsa(algorithms: &[Algorithm], rsa: Rsa<'_>) -> Result<Self, KeyError> {
        weak::check_rsa(&rsa)?;
        Self::from_public(algorithms, &rsa.to_der(), KeyError::Malformed)
    }

    pub(super) fn from_public(
        algorithms: &[Algorithm],
        key: &[u8],
        problem: KeyError,
    ) -> Result<Self, KeyError> {
        let mut prepared = Vec::new();
        for &algorithm in algorithms {
            let verification = public(algorithm).ok_or(KeyError::WrongKind)?;
            let parsed = ParsedPublicKey::new(verification, key).map_err(|_| problem)?;
            prepared.push((algorithm, Prepared::Public(parsed)));
        }
        Ok(Self::new(prepared, key))
    }

    fn new(prepared: Vec<(Algorithm, Prepared)>, material: &[u8]) -> Self {
        Self { id: None, prepared, identity: crate::digest::sha256(material) }
    }
}

fn public(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        // RFC 7518 §3.4: both numbers at their full length, never DER.
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return None,
    })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

// === impl KeyError ===

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the key cannot be read: check that it is a whole JWK or PEM",
            Self::Unknown => {
                "the kind, curve or algorithm of the key is not known: use RSA, P-256, P-384, \
                 P-521, Ed25519, or a secret"
            }
            Self::NotForSignatures => {
                "the key is not for signatures by its use, key_ops or alg: use the one that is"
            }
            Self::WrongKind => "the algorithm is of another kind than the key: name the key's own",
            Self::ShortSecret => {
                "the secret is shorter than the hash: use at least 32 random bytes for HS256, 48 \
                 for HS384, 64 for HS512"
            }
            Self::PublicAsSecret => {
                "the secret is a public key, with which everybody could sign: use Key::pem or \
                 Key::jwk with the algorithm of the key"
            }
            Self::WeakRsa => {
                "the RSA key is weak or too long: use 2048 to 8192 bits and the exponent 65537"
            }
            Self::WeakEd25519 => "the Ed25519 key is of small order: make a new key pair",
            Self::SecretAmongPublic => {
                "a secret stands in a set of public keys: publish public keys alone"
            }
            Self::LongId => "the key id is longer than 256 bytes: use a shorter one",
            Self::DuplicateId => "two keys have the same id: give each key its own",
        })
    }
}

impl Error for KeyError {}
