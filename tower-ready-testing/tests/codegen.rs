//! The gRPC code is generated once and committed, so that nobody needs a protobuf compiler to
//! build the kit. This test keeps it true.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{fs, path::Path};

/// `UPDATE=1 cargo test -p tower-ready-testing --test codegen` writes the file anew.
#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("src/proto/testing.v1.rs");
    let generated = generate(&root.join("proto"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&committed, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(&committed).unwrap_or_default() == generated,
        "{} is stale: run this test once with UPDATE=1",
        committed.display(),
    );
}

fn generate(protos: &Path) -> String {
    let descriptors = protox::compile(["testing/v1/probe.proto"], [protos]).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen");
    fs::create_dir_all(&out).unwrap();
    tonic_prost_build::configure().out_dir(&out).compile_fds(descriptors).unwrap();
    fs::read_to_string(out.join("testing.v1.rs")).unwrap()
}
