//! `cargo xtask bench`: what the layers cost, and whether that has grown.

use std::fs;
use std::io::Write as _;

use crate::cmd::{capture, cargo, run, succeeds};
use crate::failure::Failure;
use crate::report::Report;
use crate::workspace;

const CONCERNS: &str = "bench -p tower-ready-benches --bench concerns --locked --";
const CONTENTION: &str = "bench -p tower-ready-benches --bench contention --locked";

pub(crate) fn run_with(args: &[String]) -> Result<(), Failure> {
    match args {
        [flag] if flag == "--report" => report(),
        [flag] if flag == "--check" || flag == "--bless" => {
            needs_valgrind()?;
            run(&mut cargo(&format!("{CONCERNS} {flag}")))
        }
        _ if args.iter().any(|arg| arg.starts_with('-')) => {
            Err(Failure::Usage(format!("bench takes no `{}`", args.join(" "))))
        }
        filters => run(cargo(CONCERNS).args(filters)),
    }
}

/// Compares what can be counted with the committed figures, where valgrind is there to count.
pub(crate) fn gate(report: &mut Report) -> Result<(), Failure> {
    if needs_valgrind().is_err() {
        report.skip("counts of the benches", "valgrind is not installed");
        return Ok(());
    }
    report.run(cargo(&format!("{CONCERNS} --check")))
}

fn needs_valgrind() -> Result<(), Failure> {
    if succeeds(&mut crate::cmd::program("valgrind", "--version")) {
        Ok(())
    } else {
        Err(Failure::step("valgrind counts the instructions: please install it"))
    }
}

/// The page of the docs: first what one thread sees, then what a second one costs.
fn report() -> Result<(), Failure> {
    run(&mut cargo(&format!("{CONCERNS} --report")))?;
    let threads = capture(&mut cargo(CONTENTION))?;
    let page = workspace::root().join("docs/BENCHMARKS.md");
    let unwritable = |e| Failure::step(format!("cannot write {}: {e}", page.display()));
    let mut file = fs::OpenOptions::new().append(true).open(&page).map_err(unwritable)?;
    let (head, text) = ("## Two threads", threads.trim());
    writeln!(file, "\n{head}\n\nNanoseconds for one turn of one thread.\n\n{text}")
        .map_err(unwritable)?;
    println!("written: {}", page.display());
    Ok(())
}
