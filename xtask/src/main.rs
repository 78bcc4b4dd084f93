//! `cargo xtask …`: the commands of the README and of CI, written once and in Rust, so that a
//! fresh machine needs a stable toolchain, a C compiler and nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to a terminal")]

mod bench;
mod builds;
mod cmd;
mod drive;
mod failure;
mod interop;
mod markdown;
mod package;
mod python;
mod redis;
mod report;
mod stopwatch;
mod system;
mod test;
mod workspace;

use std::env;
use std::process::ExitCode;

use crate::failure::Failure;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--quick] [--keep-going]   everything that a change must pass
                                  --quick: format, clippy and tests, default features only
                                  --keep-going: run the other steps after a failure
  bench [concern…]                what each layer costs beside its peers (no concern: all)
        --report | --builds       write docs/BENCHMARKS.md | docs/BUILDS.md
        --check | --bless         compare the counts | commit to them
  interop [part…]                 run against software that others wrote (no part: all parts)
  load [--seconds N]              what a server gives under load, with and without the stack
  chaos [--seconds N]             what clients see while Redis, an upstream and instances die";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Step(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Reported) => ExitCode::FAILURE,
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        Some((command, rest)) if command == "test" => test::run(rest),
        Some((command, rest)) if command == "bench" => bench::run_with(rest),
        Some((command, rest)) if command == "interop" => interop::run(rest),
        Some((command, rest)) if command == "load" || command == "chaos" => {
            drive::run(command, rest)
        }
        Some((command, _)) => Err(Failure::Usage(format!("no command is called `{command}`"))),
        None => Err(Failure::Usage("name a command".to_owned())),
    }
}
