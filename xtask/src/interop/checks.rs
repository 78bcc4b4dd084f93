//! Running the program that checks: it prints `ok NAME` or `FAILED NAME: why`, a check per line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::cmd;
use crate::failure::Failure;
use crate::interop::tally::Tally;

/// Shows what it prints and counts its checks.
pub(super) fn run(command: &mut Command) -> Result<Tally, Failure> {
    let line = cmd::line(command);
    println!("==> {line}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| cmd::not_started(&line, &e))?;
    let stdout = child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
    let tally: Tally = stdout
        .map_while(Result::ok)
        .inspect(|line| println!("{line}"))
        .map(|line| Tally::of_line(&line))
        .sum();
    let status = child.wait().map_err(|e| cmd::not_started(&line, &e))?;
    judge(&line, tally, status.success())
}

/// A program that fails must have said which check, and one that checks nothing proves nothing.
fn judge(line: &str, tally: Tally, success: bool) -> Result<Tally, Failure> {
    match tally {
        Tally { failed: 0, .. } if !success => {
            Err(Failure::step(format!("`{line}` broke off after: {tally}")))
        }
        Tally { passed: 0, failed: 0, .. } => {
            Err(Failure::step(format!("`{line}` checked nothing")))
        }
        tally => Ok(tally),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_and_an_empty_run_are_failures() {
        let two = Tally { passed: 2, ..Tally::default() };
        assert!(judge("client", two, true).is_ok());
        assert!(judge("client", two, false).is_err());
        assert!(judge("client", Tally::default(), true).is_err());
        assert!(judge("client", Tally::FAILED, false).is_ok());
    }
}
