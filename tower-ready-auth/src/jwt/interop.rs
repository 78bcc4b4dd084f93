//! Keys of the crate jsonwebtoken.

use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind, jwk::Jwk};

use super::{
    Algorithm, Key, KeyError,
    algorithm::Family,
    der::{Rsa, without_leading_zeros},
    weak::check_ed25519,
};

/// A JWK as jsonwebtoken has it, under the rules of [`Key::jwk`].
impl TryFrom<&Jwk> for Key {
    type Error = KeyError;

    fn try_from(jwk: &Jwk) -> Result<Self, KeyError> {
        let json = serde_json::to_vec(jwk).map_err(|_| KeyError::Malformed)?;
        Self::jwk(&json)
    }
}

impl Key {
    /// A key of jsonwebtoken, for this algorithm, under the rules of all keys here: a short secret
    /// is refused, and so is weak RSA.
    ///
    /// # Errors
    ///
    /// When it is weak, or of another kind than the algorithm.
    pub fn decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, KeyError> {
        let is_same = match algorithm.family() {
            Family::Hmac => key.family() == AlgorithmFamily::Hmac,
            Family::Rsa => key.family() == AlgorithmFamily::Rsa,
            Family::Ec => key.family() == AlgorithmFamily::Ec,
            Family::Ed25519 => key.family() == AlgorithmFamily::Ed,
        };
        if !is_same {
            return Err(KeyError::WrongKind);
        }
        match (key.kind(), algorithm.family()) {
            (DecodingKeyKind::SecretOrDer(secret), Family::Hmac) => Self::secret(algorithm, secret),
            (DecodingKeyKind::SecretOrDer(der), Family::Rsa) => {
                let rsa = Rsa::from_der(der).ok_or(KeyError::Malformed)?;
                Self::from_rsa(&[algorithm], rsa)
            }
            (DecodingKeyKind::SecretOrDer(point), Family::Ed25519) => {
                let raw = point.last_chunk().ok_or(KeyError::Malformed)?;
                check_ed25519(raw)?;
                Self::from_public(&[algorithm], point, KeyError::Malformed)
            }
            (DecodingKeyKind::SecretOrDer(point), _) => {
                Self::from_public(&[algorithm], point, KeyError::WrongKind)
            }
            (DecodingKeyKind::RsaModulusExponent { n, e }, Family::Rsa) => {
                let rsa =
                    Rsa { modulus: without_leading_zeros(n), exponent: without_leading_zeros(e) };
                Self::from_rsa(&[algorithm], rsa)
            }
            _ => Err(KeyError::WrongKind),
        }
    }
}
