//! A header and a payload of any bytes, around a signature that nobody made.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use tower_ready_auth::{Algorithm, JwtVerifier, Key};

static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
    JwtVerifier::builder()
        .any_issuer()
        .any_audience()
        .keys(Key::secret(Algorithm::HS256, &[7; 32]).unwrap())
        .build()
        .unwrap()
});

fuzz_target!(|parts: (&[u8], &[u8])| {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let token = format!("{}.{}.{}", b64(parts.0), b64(parts.1), b64(&[0; 32]));
    assert!(VERIFIER.verify(token.as_bytes()).is_err());
});
