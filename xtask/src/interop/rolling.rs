//! Rolling restarts behind nginx, behind haproxy, and with a socket that is handed over: what they
//! lose, of ours and of others.

use crate::cmd::{self, cargo};
use crate::failure::Failure;
use crate::interop::tally::Tally;
use crate::interop::{Stop, checks};
use crate::system;

pub(super) const NGINX: &system::Packages =
    &[("apt-get", "nginx"), ("apk", "nginx"), ("dnf", "nginx"), ("brew", "nginx")];

pub(super) const HAPROXY: &system::Packages =
    &[("apt-get", "haproxy"), ("apk", "haproxy"), ("dnf", "haproxy"), ("brew", "haproxy")];

/// Optimized, for a hundred thousand requests to each of several servers.
const PACKAGE: &str = "--release --locked -p tower-ready-rolling";

pub(super) fn nginx() -> Result<Tally, Stop> {
    ensure("nginx", NGINX).map_err(Stop::Missing)?;
    drive("nginx").map_err(Stop::Broken)
}

pub(super) fn haproxy() -> Result<Tally, Stop> {
    ensure("haproxy", HAPROXY).map_err(Stop::Missing)?;
    drive("haproxy").map_err(Stop::Broken)
}

pub(super) fn handover() -> Result<Tally, Stop> {
    drive("handover").map_err(Stop::Broken)
}

/// Where packages put servers is not on everybody's path.
pub(super) fn ensure(program: &str, packages: &system::Packages) -> Result<(), Failure> {
    let found = || cmd::succeeds(cmd::program(program, "").arg("-v"));
    if found() {
        return Ok(());
    }
    system::install(program, packages)?;
    if found() {
        return Ok(());
    }
    Err(Failure::step(format!("{program} is not on the PATH: please add the folder that has it")))
}

fn drive(front: &str) -> Result<Tally, Failure> {
    cmd::run(&mut cargo(&format!("build {PACKAGE}")))?;
    checks::run(&mut cargo(&format!("run --quiet {PACKAGE} -- drive {front}")))
}
