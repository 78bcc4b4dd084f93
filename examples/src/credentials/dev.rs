//! The key pair of development: made when it is first needed, and kept beside the binaries, so that
//! `token` mints for a server that runs, and a token outlives a restart.
//!
//! Whoever may write there may replace the binaries as well. Where nobody may, as in a container, it
//! lives as long as the process.

use std::{
    env,
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use super::Signer;

const FILE: &str = "tower-ready-dev-key.pem";

/// The signer of development.
pub(crate) fn dev_signer() -> Result<Signer, Box<dyn Error + Send + Sync>> {
    let kept = env::current_exe().ok().and_then(|binary| Some(binary.parent()?.join(FILE)));
    let read = |path: &PathBuf| Signer::from_pem(&fs::read_to_string(path).ok()?).ok();
    if let Some(signer) = kept.as_ref().and_then(read) {
        return Ok(signer);
    }
    let pem = new_pem()?;
    // Another process may have been faster: then its key is the one.
    if let Some(signer) = kept.as_ref().and_then(|path| {
        let _ = keep(path, &pem);
        read(path)
    }) {
        return Ok(signer);
    }
    Signer::from_pem(&pem)
}

/// A new key pair on P-256.
fn new_pem() -> Result<String, Box<dyn Error + Send + Sync>> {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use base64::{Engine, engine::general_purpose::STANDARD};

    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let der = pair.to_pkcs8v1()?;
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let lines = lines.join("\n");
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"))
}

/// Writes a file that only we may read, whole or not at all.
fn keep(path: &Path, pem: &str) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&new).and_then(|mut file| file.write_all(pem.as_bytes()));
    // Fails where the other one is already, so that nobody's key is replaced.
    let kept = written.and_then(|()| fs::hard_link(&new, path));
    fs::remove_file(&new)?;
    kept
}
