//! Python's grpcio, the most used client that shares no code with ours, against `ProblemLayer` on
//! tonic: codes, messages, details and the pushback of its own retries.

use std::path::Path;

use crate::cmd::{self, cargo};
use crate::failure::Failure;
use crate::interop::server::Server;
use crate::interop::tally::Tally;
use crate::interop::{Stop, checks};
use crate::python;

const EXAMPLE: &str = "-p tower-ready-problem --all-features --locked --example interop_grpc";

pub(super) fn run() -> Result<Tally, Stop> {
    let python = python::environment().map_err(Stop::Missing)?;
    against_example(&python).map_err(Stop::Broken)
}

fn against_example(python: &Path) -> Result<Tally, Failure> {
    cmd::run(&mut cargo(&format!("build {EXAMPLE}")))?;
    // Port 0: the system picks a free one.
    let server = Server::start(&mut cargo(&format!("run --quiet {EXAMPLE} -- 0")))?;
    let mut client = cmd::program(python, "-u interop/grpcio_client.py");
    checks::run(client.arg(server.url()))
}
