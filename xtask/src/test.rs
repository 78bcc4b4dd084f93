//! `cargo xtask test`: what a change must pass, cheapest first, so that a mistake shows early.

use crate::cmd::{cargo, succeeds};
use crate::failure::Failure;
use crate::report::Report;
use crate::workspace::{self, Published};
use crate::{bench, markdown, package, redis};

#[derive(Debug, Default)]
struct Options {
    quick: bool,
    keep_going: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        for arg in args {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--keep-going" => options.keep_going = true,
                other => return Err(Failure::Usage(format!("test takes no `{other}`"))),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Options { quick, keep_going } = Options::parse(args)?;
    let mut report = Report::new(keep_going);
    let outcome = if quick { inner_loop(&mut report) } else { everything(&mut report) };
    report.print();
    outcome.and_then(|()| report.verdict())
}

/// The loop of somebody who is writing: seconds when warm. It leaves out the other feature sets,
/// doctests, docs and packages, and lets cargo update the lock file, which a change of a manifest
/// needs.
fn inner_loop(report: &mut Report) -> Result<(), Failure> {
    prepare(report)?;
    report.run(cargo("fmt --all --check"))?;
    report.run(cargo("clippy --workspace --all-targets -- -D warnings"))?;
    report.run(cargo("test --workspace --tests"))
}

fn everything(report: &mut Report) -> Result<(), Failure> {
    let crates = workspace::published()?;
    prepare(report)?;
    report.run(cargo("fmt --all --check"))?;
    report.check("package lists", || package::check(&crates))?;
    report.check("links and snippets of pages", markdown::check)?;
    let clippy = "clippy --workspace --all-targets --all-features --locked -- -D warnings";
    report.run(cargo(clippy))?;
    report.run(cargo("test --workspace --all-features --locked"))?;
    for krate in &crates {
        alone(report, krate)?;
    }
    for krate in crates.iter().filter(|krate| krate.has_models) {
        models(report, krate)?;
    }
    docs(report)?;
    bench::gate(report)?;
    deny(report)
}

/// What the steps need and rustup or the system may not have.
fn prepare(report: &mut Report) -> Result<(), Failure> {
    report.check("rustfmt and clippy are installed", components)?;
    report.check("redis-server is installed", redis::ensure)
}

fn components() -> Result<(), Failure> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !succeeds(&mut cargo(&format!("{tool} --version"))) {
            let remedy = format!("please run `rustup component add {component}`");
            return Err(Failure::step(format!("{component} is missing: {remedy}")));
        }
    }
    Ok(())
}

/// A crate by itself, since in the workspace another member may switch on a feature that this one
/// forgot to ask for.
///
/// The bare library is built as a user's build would be, without dev-dependencies: this is the
/// step that finds a missing feature, and it compiles few crates. The tests then run with the
/// default features, and with none where that differs; the dev-dependencies are the same in both,
/// so the second run compiles this crate only. Doctests stay out: they show features at work, and
/// ran with all of them already.
fn alone(report: &mut Report, krate: &Published) -> Result<(), Failure> {
    let name = &krate.name;
    report.run(cargo(&format!("build -p {name} --lib --no-default-features --locked")))?;
    report.run(cargo(&format!("test -p {name} --tests --locked")))?;
    if krate.has_default_features {
        let none = format!("test -p {name} --tests --no-default-features --locked");
        report.run(cargo(&none))?;
    }
    Ok(())
}

/// The tests called `explored` run under every order of their threads that loom can think of.
///
/// It needs an optimized build, and a target folder of its own: another set of flags would have
/// all that was built so far built again, twice.
fn models(report: &mut Report, krate: &Published) -> Result<(), Failure> {
    let name = &krate.name;
    let explore =
        format!("test -p {name} --lib --release --locked --target-dir target/loom explored");
    let mut explore = cargo(&explore);
    explore.env("RUSTFLAGS", "--cfg loom");
    report.run(explore)
}

fn docs(report: &mut Report) -> Result<(), Failure> {
    let mut doc = cargo("doc --workspace --all-features --no-deps --locked");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    report.run(doc)
}

/// Bans, licences and sources depend on the tree alone. Advisories do not: a new one would fail a
/// tree that passed yesterday, so CI looks at them in a job of its own.
fn deny(report: &mut Report) -> Result<(), Failure> {
    if !succeeds(&mut cargo("deny --version")) {
        report.skip("cargo deny", "not installed");
        return Ok(());
    }
    let mut deny = cargo("deny --workspace --all-features --locked check --hide-inclusion-graph");
    deny.args(["bans", "licenses", "sources"]);
    report.run(deny)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused() {
        let options = Options::parse(&["--quick".to_owned()]).unwrap();
        assert!(options.quick && !options.keep_going);
        let refused = Options::parse(&["--fast".to_owned()]).unwrap_err();
        assert!(matches!(refused, Failure::Usage(message) if message.contains("--fast")));
    }
}
