//! `cargo xtask bench`: what the layers cost, and whether that has grown.

use std::fs;
use std::io::Write as _;

use crate::builds;
use crate::cmd::{capture, cargo, run, succeeds};
use crate::failure::Failure;
use crate::report::Report;
use crate::workspace;

const CONCERNS: &str = "bench -p tower-ready-benches --bench concerns --locked --";

pub(crate) fn run_with(args: &[String]) -> Result<(), Failure> {
    match args {
        [flag] if flag == "--report" => report(),
        [flag] if flag == "--builds" => builds::write(),
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

/// What else is on the page: a headline, what it says, and the bench that prints its tables.
const SECTIONS: &[(&str, &str, &str)] = &[
    ("Two threads", "Nanoseconds for one turn of one thread.", "contention"),
    (
        "Over sockets",
        "The whole stack on one thread of a server's process, with 32 requests on their way over \
         loopback and a token to check in each. The share is of the time on a processor that one \
         answer takes, system included: the median of 41 rounds, and the span of the middle 80 %. \
         Answers a second are what the clients, on the same machine, could ask for.\n\n\
         Ours takes longer here than in process. For each request it runs through 108 KB of code \
         and the bare route through 29 (the peers' through 150), of which a processor keeps 32 at \
         hand, and the system runs in between: in samples of a server it took 0.8 µs longer for \
         the same calls. Of the rest, moves of futures, requests and answers take 0.6 µs, the \
         allocator 0.3, and SHA-256 0.2.",
        "loopback",
    ),
    ("Memory", "What is held when all of them are in.", "memory"),
];

/// The page of the docs: first what one thread sees, then the rest.
fn report() -> Result<(), Failure> {
    run(&mut cargo(&format!("{CONCERNS} --report")))?;
    let page = workspace::root().join("docs/BENCHMARKS.md");
    let unwritable = |e| Failure::step(format!("cannot write {}: {e}", page.display()));
    for (headline, text, bench) in SECTIONS {
        let bench = format!("bench -p tower-ready-benches --bench {bench} --locked");
        let tables = capture(&mut cargo(&bench))?;
        let mut file = fs::OpenOptions::new().append(true).open(&page).map_err(unwritable)?;
        writeln!(file, "\n## {headline}\n\n{text}\n\n{}", tables.trim()).map_err(unwritable)?;
    }
    println!("written: {}", page.display());
    Ok(())
}
