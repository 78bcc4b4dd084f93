//! A key set of any bytes is read or refused, and what was read can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_ready_auth::{KeySet, verify_compact};

fuzz_target!(|json: &[u8]| {
    if let Ok(keys) = KeySet::from_jwks(json) {
        assert!(verify_compact(&keys, b"eyJhbGciOiJIUzI1NiJ9.e30.AAAA").is_err());
    }
});
