//! What a crate adds to a build: an empty project that depends on it alone, built from nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cmd::{capture, cargo, program, run};
use crate::failure::Failure;
use crate::stopwatch::Stopwatch;
use crate::workspace;

/// A crate, and what a user writes behind its name in `[dependencies]`.
struct Subject {
    name: &'static str,
    features: &'static [&'static str],
    /// Of a peer; ours are where they are.
    version: Option<&'static str>,
    default_features: bool,
}

const fn ours(name: &'static str, features: &'static [&'static str]) -> Subject {
    Subject { name, features, version: None, default_features: true }
}

const fn peer(
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
) -> Subject {
    Subject { name, features, version: Some(version), default_features: true }
}

/// What an existing service has in its tree already.
const HOST: Subject = Subject {
    name: "axum",
    features: &["http1", "http2", "json", "tokio"],
    version: Some("0.8"),
    default_features: false,
};

const SUBJECTS: &[Subject] = &[
    ours("tower-ready-core", &[]),
    ours("tower-ready-problem", &[]),
    ours("tower-ready-auth", &[]),
    ours("tower-ready-auth", &["jwks-http"]),
    ours("tower-ready-ratelimit", &[]),
    ours("tower-ready-ratelimit", &["redis"]),
    ours("tower-ready-shed", &[]),
    ours("tower-ready-deadline", &[]),
    ours("tower-ready-breaker", &[]),
    ours("tower-ready-breaker", &["failsafe"]),
    ours("tower-ready-obs", &[]),
    ours("tower-ready-obs", &["opentelemetry", "prometheus"]),
    ours("tower-ready-shutdown", &[]),
    peer("jsonwebtoken", "11", &["aws_lc_rs"]),
    // Without TLS, as ours.
    Subject {
        default_features: false,
        ..peer("tower-oauth2-resource-server", "0.12", &["jwt-aws-lc-rs"])
    },
    peer("tower_governor", "0.8", &[]),
    peer("tower-resilience-ratelimiter", "0.14", &[]),
    peer("tower-resilience-circuitbreaker", "0.14", &[]),
    peer("failsafe", "1.3", &[]),
    peer("axum-prometheus", "0.10", &[]),
    peer("opentelemetry-instrumentation-tower", "0.19", &[]),
    peer("tower-http", "0.7", &["catch-panic", "request-id", "timeout", "trace"]),
];

/// Writes the page of the docs.
pub(crate) fn write() -> Result<(), Failure> {
    let page = workspace::root().join("docs/BUILDS.md");
    let compiler = capture(&mut program("rustc", "--version"))?;
    let text = format!("{}\nWritten with {}\n\n{}", INTRO, compiler.trim(), table()?);
    let failed = |e| Failure::step(format!("cannot write {}: {e}", page.display()));
    fs::write(&page, text).map_err(failed)?;
    println!("written: {}", page.display());
    Ok(())
}

const INTRO: &str = "\
# What each crate adds to a build

Written by `cargo xtask bench --builds`: for each line an empty project that depends on that crate
alone, built in release from nothing, with the versions of our lock file. `crates` is how many of its
tree end up in a binary; those that an axum service does not have already are counted beside it. The
seconds are of one build on all processors of one machine, and of use beside each other alone. Peers are
in brackets.
";

fn table() -> Result<String, Failure> {
    let host = crates(&HOST.project()?)?;
    let mut table = String::from(
        "| crate | features | crates | not in axum's tree | seconds |\n|---|---|---:|---:|---:|\n",
    );
    for subject in SUBJECTS {
        let project = subject.project()?;
        let crates = crates(&project)?;
        let more = crates.difference(&host).count();
        let seconds = build(&project)?;
        let name = if subject.version.is_some() {
            format!("[{}]", subject.name)
        } else {
            subject.name.to_owned()
        };
        let features = subject.features.join(", ");
        let count = crates.len();
        writeln!(table, "| {name} | {features} | {count} | {more} | {seconds:.1} |")
            .map_err(|e| Failure::step(e.to_string()))?;
    }
    Ok(table)
}

impl Subject {
    /// Writes a project that depends on it, with the versions that we are tested with.
    fn project(&self) -> Result<PathBuf, Failure> {
        let root = workspace::root();
        let project = root.join("target/xtask-builds");
        let features = self.features.iter().map(|feature| format!("\"{feature}\""));
        let features = features.collect::<Vec<_>>().join(", ");
        let source = match self.version {
            Some(version) => format!("version = \"{version}\""),
            None => format!("path = '{}'", root.join(self.name).display()),
        };
        let manifest = format!(
            "[package]\nname = \"project\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{} = {{ {source}, features = [{features}], default-features = {} }}\n",
            self.name, self.default_features,
        );
        let write = || {
            fs::create_dir_all(project.join("src"))?;
            fs::write(project.join("src/lib.rs"), "")?;
            fs::write(project.join("Cargo.toml"), manifest)?;
            fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock"))
        };
        match write() {
            Ok(_) => Ok(project),
            Err(e) => Err(Failure::step(format!("cannot write {}: {e}", project.display()))),
        }
    }
}

/// The crates in its tree that end up in a binary.
fn crates(project: &Path) -> Result<BTreeSet<String>, Failure> {
    let tree = capture(cargo("tree --edges normal --prefix none").current_dir(project))?;
    let name = |line: &str| line.split(" (").next().unwrap_or(line).to_owned();
    Ok(tree.lines().skip(1).filter(|line| !line.is_empty()).map(name).collect())
}

/// Builds it from nothing, in release. How many seconds that took.
fn build(project: &Path) -> Result<f64, Failure> {
    let target = project.join("target");
    remove(&target)?;
    run(cargo("fetch --quiet").current_dir(project))?;
    let watch = Stopwatch::start();
    let mut build = cargo("build --release --quiet");
    run(build.current_dir(project).env("CARGO_TARGET_DIR", &target))?;
    let seconds = watch.read().as_secs_f64();
    remove(&target)?;
    Ok(seconds)
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Failure::step(format!("cannot remove {}: {e}", folder.display())))
        }
        _ => Ok(()),
    }
}
