//! Prometheus' own tools against our exposition: promtool, and the parsers of Python's
//! prometheus_client, of which the one for OpenMetrics is strict.

use std::path::{Path, PathBuf};

use crate::cmd::{self, cargo};
use crate::failure::Failure;
use crate::interop::server::Server;
use crate::interop::tally::Tally;
use crate::interop::{Stop, checks};
use crate::python;
use crate::system;

const EXAMPLE: &str = "-p tower-ready-obs --all-features --locked --example interop_prometheus";

/// promtool comes with the server.
const PACKAGES: &system::Packages =
    &[("apt-get", "prometheus"), ("apk", "prometheus"), ("brew", "prometheus")];

pub(super) fn run() -> Result<Tally, Stop> {
    let python = python::environment().map_err(Stop::Missing)?;
    let promtool = promtool().map_err(Stop::Missing)?;
    against_example(&python, &promtool).map_err(Stop::Broken)
}

pub(super) fn promtool() -> Result<PathBuf, Failure> {
    if system::find("promtool").is_none() {
        system::install("promtool", PACKAGES)?;
    }
    system::find("promtool").ok_or_else(|| Failure::step("prometheus came without promtool"))
}

fn against_example(python: &Path, promtool: &Path) -> Result<Tally, Failure> {
    cmd::run(&mut cargo(&format!("build {EXAMPLE}")))?;
    // Port 0: the system picks a free one.
    let server = Server::start(&mut cargo(&format!("run --quiet {EXAMPLE} -- 0")))?;
    let mut client = cmd::program(python, "-u interop/prometheus_scrape.py");
    checks::run(client.arg(server.url()).arg(promtool))
}
