//! The binaries of the examples that drive servers: `load` and `chaos`.

use crate::{cmd, failure::Failure, redis};

/// Builds all binaries, since these start others, and runs one.
pub(crate) fn run(name: &str, args: &[String]) -> Result<(), Failure> {
    if name == "chaos" {
        redis::ensure()?;
    }
    cmd::run(&mut cmd::cargo("build --release -p tower-ready-examples --bins"))?;
    let run = format!("run --release -q -p tower-ready-examples --bin {name} --");
    cmd::run(cmd::cargo(&run).args(args))
}
