//! Key sets: what is in them, what is left out, and where they come from.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tower_ready_auth::{
    Algorithm, ConfigErrorKind, Key, KeyError, KeySet, KeySource, Reason, verify_compact,
};

use crate::support::{
    EC, ED, HMAC, RSA, SECRET, Signer, b64, builder, jwks, key_set, reason, with,
};

#[test]
fn bad_keys_are_skipped_and_never_the_set() {
    let changed = |name: &str, value: Value| {
        let mut jwk = EC.jwk(Some("bad"));
        jwk[name] = value;
        jwk
    };
    let rsa =
        |bytes: usize, e: &[u8]| json!({"kty": "RSA", "n": b64(vec![0xf1; bytes]), "e": b64(e)});
    let ed = |first: u8| {
        let mut point = [0; 32];
        point[0] = first;
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64(point)})
    };
    let e = [1, 0, 1];
    let cases = [
        (changed("use", json!("enc")), KeyError::NotForSignatures),
        (changed("key_ops", json!(["sign"])), KeyError::NotForSignatures),
        (changed("key_ops", json!("verify")), KeyError::Malformed),
        (changed("alg", json!("ECDH-ES")), KeyError::NotForSignatures),
        (changed("alg", json!("RS256")), KeyError::WrongKind),
        (changed("alg", json!("ES384")), KeyError::WrongKind),
        (changed("kty", json!("XYZ")), KeyError::Unknown),
        (changed("crv", json!("secp256k1")), KeyError::Unknown),
        (changed("y", EC.jwk(None)["x"].clone()), KeyError::Malformed),
        (changed("y", Value::Null), KeyError::Malformed),
        (changed("kid", json!("k".repeat(257))), KeyError::LongId),
        (changed("kid", json!(7)), KeyError::Malformed),
        (rsa(64, &e), KeyError::WeakRsa),
        (rsa(128, &e), KeyError::WeakRsa),
        (rsa(2_048, &e), KeyError::WeakRsa),
        (rsa(256, &[1]), KeyError::WeakRsa),
        (rsa(256, &[2]), KeyError::WeakRsa),
        (rsa(256, &[0, 0, 1]), KeyError::WeakRsa),
        (json!({"kty": "oct", "k": b64([7; 31])}), KeyError::ShortSecret),
        (json!({"kty": "oct", "k": b64([7; 32]), "alg": "HS512"}), KeyError::ShortSecret),
        (json!({"kty": "oct", "k": b64(RSA.pem())}), KeyError::PublicAsSecret),
        (json!({"kty": "oct", "k": b64(RSA.spki())}), KeyError::PublicAsSecret),
        (json!({"kty": "oct", "k": b64(RSA.jwk(None).to_string())}), KeyError::PublicAsSecret),
        (ed(0), KeyError::WeakEd25519),
        (ed(1), KeyError::WeakEd25519),
        (json!({"kty": "OKP", "crv": "X25519", "x": b64([9; 32])}), KeyError::Unknown),
        (json!("no key"), KeyError::Malformed),
    ];
    for (jwk, error) in cases {
        let keys = key_set(&[jwk.clone(), EC.jwk(Some("good"))]);
        assert_eq!(keys.len(), 1, "{jwk}");
        assert_eq!(keys.skipped()[0].error(), error, "{jwk}");
        let alone = KeySet::from_jwks(jwks(&[jwk]).as_bytes()).unwrap_err();
        assert_eq!(alone.kind(), ConfigErrorKind::NoKeys);
    }
}

#[test]
fn a_set_that_is_none_is_refused() {
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]} x"#, "<html></html>"] {
        let error = KeySet::from_jwks(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::MalformedKeySet, "{text}");
    }
    let error = KeySet::from_jwks(br#"{"keys":[]}"#).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoKeys);
    let many = vec![EC.jwk(None); 10_000];
    let error = KeySet::from_jwks(jwks(&many).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::TooManyKeys);
    let twice = [EC.jwk(Some("a")), Signer::ec("P-256").jwk(Some("a"))];
    let error = KeySet::from_jwks(jwks(&twice).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::DuplicateKeyId);
    // One id for keys of different kinds is no clash (RFC 7517 §4.5).
    assert_eq!(key_set(&[EC.jwk(Some("a")), ED.jwk(Some("a"))]).len(), 2);
}

#[test]
fn several_keys_without_an_id_are_tried() {
    let other = Signer::ec("P-256");
    let keys = key_set(&[EC.jwk(None), other.jwk(None), RSA.jwk(None)]);
    let stranger = Signer::ec("P-256");
    for header in [json!({}), json!({"kid": "a"})] {
        for signer in [&*EC, &other, &*RSA] {
            let token = signer.token_with(&header, &with(&[]));
            verify_compact(&keys, token.as_bytes()).unwrap();
        }
        let token = stranger.token_with(&header, &with(&[]));
        let error = verify_compact(&keys, token.as_bytes()).unwrap_err();
        assert_eq!(error.reason(), Reason::BadSignature);
    }
}

#[test]
fn a_pem_is_read_for_its_own_algorithm_alone() {
    for (signer, algorithm) in
        [(&*EC, Algorithm::ES256), (&*ED, Algorithm::EdDSA), (&*RSA, Algorithm::RS256)]
    {
        let keys = KeySet::from(Key::pem(algorithm, &signer.pem()).unwrap().id("a"));
        let token = signer.token_with(&json!({"kid": "a"}), &with(&[]));
        verify_compact(&keys, token.as_bytes()).unwrap();
        for other in [Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::HS256] {
            assert_eq!(Key::pem(other, &signer.pem()).is_ok(), other == algorithm);
        }
    }
    for text in ["", "-----BEGIN PUBLIC KEY-----", "-----BEGIN X-----\nAA==\n-----END Y-----"] {
        assert_eq!(Key::pem(Algorithm::ES256, text).unwrap_err(), KeyError::Malformed);
    }
}

#[test]
fn secrets_are_as_long_as_the_hash() {
    for (algorithm, length) in
        [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)]
    {
        assert!(Key::secret(algorithm, &vec![7; length]).is_ok());
        let short = Key::secret(algorithm, &vec![7; length - 1]);
        assert_eq!(short.unwrap_err(), KeyError::ShortSecret);
    }
    assert_eq!(Key::secret(Algorithm::HS256, b"").unwrap_err(), KeyError::ShortSecret);
    assert_eq!(Key::secret(Algorithm::RS256, &SECRET).unwrap_err(), KeyError::WrongKind);
}

/// RFC 7515, appendix A.1: neither the header nor the payload is written as we would.
#[test]
fn the_example_of_the_standard_is_verified() {
    let keys = br#"{"kty":"oct",
        "k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let keys = KeySet::from_jwks(keys).unwrap();
    let payload = verify_compact(&keys, token.as_bytes()).unwrap();
    assert!(payload.starts_with(br#"{"iss":"joe","#));
}

/// A file of this test, which is gone when it ends.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(name: &str, content: &str) -> Self {
        let name = format!("tower-ready-auth-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    pub(crate) fn write(&self, content: &str) {
        fs::write(&self.0, content).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_is_read_again_and_its_last_good_content_stays() {
    let other = Signer::ec("P-256");
    let file = File::new("keys.json", &jwks(&[EC.jwk(Some("a"))]));
    let source = KeySource::file(&file.0).unwrap();
    let verifier = builder(&EC).keys(source.clone()).build().unwrap();
    let old = EC.of("alice", "a");
    let new = other.of("alice", "a");
    for _ in 0..2 {
        verifier.verify(old.as_bytes()).unwrap();
    }
    assert_eq!(reason(&verifier, &new), Reason::BadSignature);

    for broken in ["", "{", r#"{"keys":[]}"#, "<html>"] {
        file.write(broken);
        for _ in 0..2 {
            assert!(source.reread().is_err(), "{broken}");
        }
        verifier.verify(old.as_bytes()).unwrap();
    }
    file.write(&jwks(&[other.jwk(Some("b"))]));
    source.reread().unwrap();
    verifier.verify(new.as_bytes()).unwrap();
    // The old one was remembered, but its key is gone.
    assert_eq!(reason(&verifier, &old), Reason::BadSignature);

    fs::remove_file(&file.0).unwrap();
    assert_eq!(source.reread().unwrap_err().kind(), ConfigErrorKind::File);
    verifier.verify(new.as_bytes()).unwrap();
    assert!(KeySource::file(&file.0).is_err());
}

#[test]
fn a_remembered_token_is_over_with_its_secret() {
    let other = Signer::hs256(&[9; 32]);
    let file = File::new("secrets.json", &jwks(&[HMAC.jwk(Some("a"))]));
    let source = KeySource::file(&file.0).unwrap();
    let verifier = builder(&HMAC).keys(source.clone()).build().unwrap();
    let token = HMAC.of("alice", "a");
    for _ in 0..2 {
        verifier.verify(token.as_bytes()).unwrap();
        assert_eq!(verifier.cached(), 1);
    }
    file.write(&jwks(&[other.jwk(Some("b"))]));
    source.reread().unwrap();
    assert_eq!(reason(&verifier, &token), Reason::BadSignature);
    verifier.verify(other.of("alice", "a").as_bytes()).unwrap();
}

#[test]
fn keys_and_sets_show_no_secret() {
    let keys = key_set(&[HMAC.jwk(Some("a"))]);
    let shown = format!("{keys:?} {:?}", builder(&HMAC));
    assert!(!shown.contains("thirty") && !shown.contains(&b64(SECRET)));
}
