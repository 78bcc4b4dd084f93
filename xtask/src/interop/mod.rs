//! `cargo xtask interop [part…]`: the project against software that others wrote.
//!
//! A part installs what it needs, starts a server of ours and lets the other side check it. To add
//! one, write `interop/NAME.rs` with a `run` function and name it in [`PARTS`].

mod checks;
mod deploy;
mod grpcio;
mod prometheus;
mod rolling;
mod server;
mod tally;

use std::env;

use crate::failure::Failure;
use crate::interop::tally::Tally;

struct Part {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Tally, Stop>,
}

const PARTS: [Part; 6] = [
    Part {
        name: "deploy",
        about: "what the programs that read the files of deploy/ make of them",
        run: deploy::run,
    },
    Part { name: "grpcio", about: "what a Python gRPC client sees of a problem", run: grpcio::run },
    Part {
        name: "prometheus",
        about: "what Prometheus' own tools make of our exposition",
        run: prometheus::run,
    },
    Part { name: "nginx", about: "what rolling restarts behind nginx lose", run: rolling::nginx },
    Part {
        name: "haproxy",
        about: "what rolling restarts behind haproxy lose",
        run: rolling::haproxy,
    },
    Part {
        name: "handover",
        about: "what restarts lose that hand their socket over",
        run: rolling::handover,
    },
];

/// Why a part came to no result.
enum Stop {
    /// What it needs could not be installed here.
    Missing(Failure),
    /// It was there, and it broke.
    Broken(Failure),
}

pub(crate) fn run(names: &[String]) -> Result<(), Failure> {
    let parts = select(names)?;
    let total: Tally = parts.into_iter().map(one).sum();
    // The last line, and alone on it: CI reads it.
    println!("{total}");
    if total.failed == 0 { Ok(()) } else { Err(Failure::Reported) }
}

fn select(names: &[String]) -> Result<Vec<&'static Part>, Failure> {
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    let part = |name: &String| {
        PARTS.iter().find(|part| part.name == name).ok_or_else(|| {
            let known = PARTS.map(|part| part.name).join(", ");
            Failure::Usage(format!("interop has no part `{name}`, only: {known}"))
        })
    };
    names.iter().map(part).collect()
}

fn one(part: &Part) -> Tally {
    println!("==> interop {}: {}\n", part.name, part.about);
    let tally = match (part.run)() {
        Ok(tally) => tally,
        Err(Stop::Missing(what)) if in_ci() => {
            println!("FAILED {}: {what}", part.name);
            Tally::FAILED
        }
        Err(Stop::Missing(what)) => {
            println!("skipped {}: {what}", part.name);
            Tally::SKIPPED
        }
        Err(Stop::Broken(failure)) => {
            println!("FAILED {}: {failure}", part.name);
            Tally::FAILED
        }
    };
    println!();
    tally
}

/// On somebody's machine a missing package is a skip; in CI it would hide the part for good.
fn in_ci() -> bool {
    env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false" && ci != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_every_part() {
        assert_eq!(select(&[]).unwrap().len(), PARTS.len());
    }

    #[test]
    fn an_unknown_part_is_a_mistake_of_the_command_line() {
        let refused = select(&["grpcio".to_owned(), "grpcoi".to_owned()]).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Failure::Usage(message) if message.contains("grpcoi")));
    }
}
