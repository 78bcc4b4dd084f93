//! `redis-server`, which the tests start and stop themselves: the real one, no imitation.

use std::env;
use std::path::Path;

use crate::failure::Failure;
use crate::system;

/// Names a server that is not on the path. The launcher in `tower-ready-testing` reads it too.
const VARIABLE: &str = "TOWER_READY_REDIS_SERVER";

const PACKAGES: &system::Packages =
    &[("apt-get", "redis-server"), ("apk", "redis"), ("dnf", "redis"), ("brew", "redis")];

/// Makes sure that the tests find a server.
pub(crate) fn ensure() -> Result<(), Failure> {
    if let Some(named) = env::var_os(VARIABLE) {
        let named = Path::new(&named);
        if named.is_file() {
            println!("    {} ({VARIABLE})", named.display());
            return Ok(());
        }
        let message = format!("{VARIABLE} names {}, which is no file", named.display());
        return Err(Failure::step(message));
    }
    if found() {
        return Ok(());
    }
    system::install("redis-server", PACKAGES)?;
    if found() {
        return Ok(());
    }
    Err(Failure::step(format!("redis-server is not on the PATH: set {VARIABLE} to its path")))
}

fn found() -> bool {
    let server = system::find("redis-server");
    if let Some(server) = &server {
        println!("    {}", server.display());
    }
    server.is_some()
}
