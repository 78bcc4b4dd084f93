//! The steps of a run and their times.

use std::process::Command;
use std::time::Duration;

use crate::cmd;
use crate::failure::Failure;
use crate::stopwatch::{Stopwatch, human};

#[derive(Debug)]
pub(crate) struct Report {
    keep_going: bool,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    title: String,
    took: Duration,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Report {
    pub(crate) fn new(keep_going: bool) -> Self {
        Self { keep_going, steps: Vec::new() }
    }

    /// Runs a program as one step.
    pub(crate) fn run(&mut self, mut command: Command) -> Result<(), Failure> {
        self.time(cmd::line(&command), || cmd::run(&mut command))
    }

    /// Runs a check of our own as one step.
    pub(crate) fn check(
        &mut self,
        title: &str,
        check: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("==> check: {title}");
        let outcome = self.time(format!("check: {title}"), check);
        println!();
        outcome
    }

    pub(crate) fn skip(&mut self, title: &str, why: &str) {
        println!("==> {title}: skipped, {why}\n");
        let title = format!("{title}, {why}");
        self.steps.push(Step { title, took: Duration::ZERO, outcome: Outcome::Skipped });
    }

    fn time(
        &mut self,
        title: String,
        step: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        let result = step();
        let outcome = if result.is_ok() { Outcome::Passed } else { Outcome::Failed };
        self.steps.push(Step { title, took: watch.read(), outcome });
        match result {
            Err(failure) if self.keep_going => {
                eprintln!("xtask: {failure}\n");
                Ok(())
            }
            result => result,
        }
    }

    /// The table of the steps, the slowest one marked.
    pub(crate) fn print(&self) {
        let slowest = self.steps.iter().map(|step| step.took).max().unwrap_or_default();
        println!("{:>12}  step", "time");
        for Step { title, took, outcome } in &self.steps {
            let note = match outcome {
                Outcome::Failed => "  FAILED",
                Outcome::Skipped => "  (skipped)",
                Outcome::Passed if *took == slowest => "  <- slowest",
                Outcome::Passed => "",
            };
            println!("{:>12}  {title}{note}", human(*took));
        }
        println!("{:>12}  total", human(self.steps.iter().map(|step| step.took).sum()));
    }

    /// The failure that is left to tell when the steps after it ran all the same.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let failed = self.steps.iter().filter(|step| step.outcome == Outcome::Failed).count();
        match failed {
            0 => Ok(()),
            1 => Err(Failure::step("one step failed")),
            n => Err(Failure::step(format!("{n} steps failed"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Result<(), Failure> {
        Err(Failure::step("broken"))
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        let mut report = Report::new(false);
        assert!(report.check("a check", broken).is_err());
    }

    #[test]
    fn with_keep_going_the_verdict_comes_at_the_end() {
        let mut report = Report::new(true);
        assert!(report.check("a check", broken).is_ok());
        assert!(report.check("another", || Ok(())).is_ok());
        assert!(report.verdict().is_err());
    }
}
