//! A header and a payload of any bytes: signed or not, they never panic, and nobody passes whose
//! signature is not ours.
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

static SECRET: LazyLock<aws_lc_rs::hmac::Key> =
    LazyLock::new(|| aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]));

fuzz_target!(|parts: (&[u8], &[u8])| {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", b64(parts.0), b64(parts.1));
    let forged = format!("{signed}.{}", b64(&[0; 32]));
    assert!(VERIFIER.verify(forged.as_bytes()).is_err());
    // With our signature the claims are read, too.
    let signature = aws_lc_rs::hmac::sign(&SECRET, signed.as_bytes());
    let _ = VERIFIER.verify(format!("{signed}.{}", b64(signature.as_ref())).as_bytes());
});
