//! The gRPC code and the descriptors for reflection are generated once and committed, so that
//! nobody needs a protobuf compiler to run an example. This test keeps them true.

use std::{fs, path::Path};

use prost::Message;

/// `UPDATE=1 cargo test -p tower-ready-examples --test codegen` writes the files anew.
#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen");
    fs::create_dir_all(&out).unwrap();

    let descriptors = protox::compile(["orders.proto"], [root.join("proto")]).unwrap();
    fs::write(out.join("orders.v1.bin"), descriptors.encode_to_vec()).unwrap();
    tonic_prost_build::configure().out_dir(&out).compile_fds(descriptors).unwrap();

    for name in ["orders.v1.rs", "orders.v1.bin"] {
        let generated = fs::read(out.join(name)).unwrap();
        let committed = root.join("src/proto").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&committed, &generated).unwrap();
        }
        assert!(
            fs::read(&committed).unwrap_or_default() == generated,
            "{name} is stale: run this test once with UPDATE=1",
        );
    }
}
