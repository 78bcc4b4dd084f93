//! The files of `deploy/`, read by the programs that they are for: the schemas of Kubernetes, nginx,
//! haproxy, Prometheus, and systemd where there is one.

use std::path::Path;

use crate::cmd;
use crate::failure::Failure;
use crate::interop::tally::Tally;
use crate::interop::{Stop, checks, prometheus, rolling};
use crate::python;
use crate::system;

pub(super) fn run() -> Result<Tally, Stop> {
    let python = python::environment().map_err(Stop::Missing)?;
    rolling::ensure("nginx", rolling::NGINX).map_err(Stop::Missing)?;
    rolling::ensure("haproxy", rolling::HAPROXY).map_err(Stop::Missing)?;
    let promtool = prometheus::promtool().map_err(Stop::Missing)?;
    read(&python, &promtool).map_err(Stop::Broken)
}

fn read(python: &Path, promtool: &Path) -> Result<Tally, Failure> {
    let mut checker = cmd::program(python, "-u interop/deploy_files.py deploy");
    checker.args(["nginx=nginx", "haproxy=haproxy"]);
    checker.arg(format!("promtool={}", promtool.display()));
    // No package manager brings it to a system that is run by another.
    if let Some(analyze) = system::find("systemd-analyze") {
        checker.arg(format!("systemd-analyze={}", analyze.display()));
    }
    checks::run(&mut checker)
}
