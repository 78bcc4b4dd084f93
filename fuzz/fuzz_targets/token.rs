//! Bytes that nobody signed never verify, and never panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_ready_auth::{Algorithm, Key, KeySet, verify_compact};

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| Key::secret(Algorithm::HS256, &[7; 32]).unwrap().into());

fuzz_target!(|token: &[u8]| {
    assert!(verify_compact(&KEYS, token).is_err());
});
