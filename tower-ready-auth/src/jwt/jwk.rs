//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use super::{
    Algorithm, Key, KeyError,
    algorithm::Family,
    base64url,
    der::{Rsa, without_leading_zeros},
    json::{Json, Object},
    weak::check_ed25519,
};

pub(super) fn parse(json: &[u8]) -> Result<Key, KeyError> {
    from_object(&Object::parse(json).ok_or(KeyError::Malformed)?)
}

pub(crate) fn from_object(jwk: &Object<'_>) -> Result<Key, KeyError> {
    check_purpose(jwk)?;
    let named = match text(jwk, "alg")? {
        // An encryption algorithm is no error of spelling, but not ours.
        Some(name) => Some(Algorithm::from_name(name).ok_or(KeyError::NotForSignatures)?),
        None => None,
    };
    let kind = text(jwk, "kty")?.ok_or(KeyError::Malformed)?;
    let key = match kind {
        "oct" => {
            let secret = bytes(jwk, "k")?;
            Key::from_secret(&algorithms(named, Family::Hmac, None)?, &secret)
        }
        "RSA" => {
            let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
            let rsa = Rsa {
                modulus: without_leading_zeros(&modulus),
                exponent: without_leading_zeros(&exponent),
            };
            Key::from_rsa(&algorithms(named, Family::Rsa, None)?, rsa)
        }
        "EC" => {
            let (curve, length) = match text(jwk, "crv")? {
                Some("P-256") => (Algorithm::ES256, 32),
                Some("P-384") => (Algorithm::ES384, 48),
                Some("P-521") => (Algorithm::ES512, 66),
                _ => return Err(KeyError::Unknown),
            };
            let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
            // RFC 7518 §6.2.1.2: always at their full length.
            if x.len() != length || y.len() != length {
                return Err(KeyError::Malformed);
            }
            let point = [&[4][..], &x, &y].concat();
            let algorithms = algorithms(named, Family::Ec, Some(curve))?;
            Key::from_public(&algorithms, &point, KeyError::Malformed)
        }
        "OKP" => {
            if text(jwk, "crv")? != Some("Ed25519") {
                return Err(KeyError::Unknown);
            }
            let point = bytes(jwk, "x")?;
            let point = point.as_slice().try_into();
            let point: &[u8; 32] = point.map_err(|_| KeyError::Malformed)?;
            check_ed25519(point)?;
            let algorithms = algorithms(named, Family::Ed25519, None)?;
            Key::from_public(&algorithms, point, KeyError::Malformed)
        }
        _ => Err(KeyError::Unknown),
    }?;
    match text(jwk, "kid")? {
        Some(id) if id.len() > Key::MAX_ID => Err(KeyError::LongId),
        Some(id) => Ok(key.id(id)),
        None => Ok(key),
    }
}

/// Whether a JWK shows what belongs to its owner alone.
pub(crate) fn is_private(jwk: &Object<'_>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| jwk.get(name).is_some())
}

/// RFC 7638: the digest of the members that make a public key what it is, in their order.
pub(crate) fn thumbprint(jwk: &Object<'_>) -> Option<[u8; 32]> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members = names.iter().map(|name| {
        let text = jwk.get(name)?.as_str()?;
        // None of them has anything to escape.
        Some(format!("\"{name}\":\"{text}\""))
    });
    let members = members.collect::<Option<Vec<_>>>()?;
    Some(crate::digest::sha256(format!("{{{}}}", members.join(",")).as_bytes()))
}

/// RFC 7517 §4.2 and §4.3: a key may say that it is for something else.
fn check_purpose(jwk: &Object<'_>) -> Result<(), KeyError> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyError::NotForSignatures);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(operations) => {
            let mut operations = operations.as_texts().ok_or(KeyError::Malformed)?;
            let verifies = operations.any(|it| it == "verify");
            verifies.then_some(()).ok_or(KeyError::NotForSignatures)
        }
    }
}

/// The algorithm that a key names, or all that its kind and its curve leave.
fn algorithms(
    named: Option<Algorithm>,
    family: Family,
    curve: Option<Algorithm>,
) -> Result<Vec<Algorithm>, KeyError> {
    let fits = |it: &Algorithm| it.family() == family && curve.is_none_or(|curve| curve == *it);
    match named {
        Some(algorithm) if !fits(&algorithm) => Err(KeyError::WrongKind),
        Some(algorithm) => Ok(vec![algorithm]),
        None => Ok(Algorithm::ALL.into_iter().filter(fits).collect()),
    }
}

fn text<'a>(jwk: &'a Object<'_>, name: &str) -> Result<Option<&'a str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::Malformed),
    }
}

fn bytes(jwk: &Object<'_>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = text(jwk, name)?.ok_or(KeyError::Malformed)?;
    base64url::decode(text.as_bytes()).ok_or(KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_the_standard_is_found() {
        // RFC 8037, appendix A.3.
        let jwk = br#"{"kty":"OKP","kid":"x","crv":"Ed25519",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let digest = thumbprint(&Object::parse(jwk).unwrap()).unwrap();
        let expected = base64url::decode(b"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(Some(digest.to_vec()), expected);
        assert_eq!(thumbprint(&Object::parse(br#"{"kty":"oct","k":"AAAA"}"#).unwrap()), None);
    }
}
