//! Each key is what it says, in all its forms.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode,
    jwk::{Jwk, JwkSet},
};
use serde_json::{Value, json};
use tower_ready_testing::keys::{self, KeyPair};

#[test]
fn what_a_private_key_signs_its_public_forms_verify() {
    // A key of 1024 bits does not sign at all.
    for key in keys::ALL.into_iter().filter(|key| key.kid != keys::RSA_WEAK.kid) {
        let claims = json!({ "sub": key.kid });
        let token = encode(&Header::new(algorithm(&key)), &claims, &private(&key)).unwrap();
        for public in [public(&key), from_jwk(&key)] {
            let mut rules = Validation::new(algorithm(&key));
            rules.required_spec_claims.clear();
            rules.validate_exp = false;
            let seen = decode::<Value>(&token, &public, &rules).unwrap();
            assert_eq!(seen.claims, claims, "{}", key.kid);
        }
    }
}

#[test]
fn a_weak_key_is_refused() {
    let header = Header::new(Algorithm::RS256);
    assert!(encode(&header, &json!({}), &private(&keys::RSA_WEAK)).is_err());
}

#[test]
fn a_set_names_its_keys() {
    let set: JwkSet = serde_json::from_str(&keys::jwks(&keys::ALL)).unwrap();
    assert_eq!(set.keys.len(), keys::ALL.len());
    for key in keys::ALL {
        let jwk = set.find(key.kid).unwrap();
        assert_eq!(jwk.common.key_algorithm.unwrap().to_string(), key.alg);
    }
}

#[test]
fn the_secret_is_long_enough_for_every_hmac() {
    assert_eq!(keys::HMAC_SECRET.len(), 64);
}

fn algorithm(key: &KeyPair) -> Algorithm {
    key.alg.parse().unwrap()
}

fn private(key: &KeyPair) -> EncodingKey {
    let pem = key.private_pem.as_bytes();
    match key.alg {
        "RS256" => EncodingKey::from_rsa_pem(pem),
        "EdDSA" => EncodingKey::from_ed_pem(pem),
        _ => EncodingKey::from_ec_pem(pem),
    }
    .unwrap()
}

fn public(key: &KeyPair) -> DecodingKey {
    let pem = key.public_pem.as_bytes();
    match key.alg {
        "RS256" => DecodingKey::from_rsa_pem(pem),
        "EdDSA" => DecodingKey::from_ed_pem(pem),
        _ => DecodingKey::from_ec_pem(pem),
    }
    .unwrap()
}

fn from_jwk(key: &KeyPair) -> DecodingKey {
    let jwk: Jwk = serde_json::from_str(key.jwk).unwrap();
    DecodingKey::from_jwk(&jwk).unwrap()
}
