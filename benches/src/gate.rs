//! The gate: what is counted must not grow behind our backs.
//!
//! Allocations are compared exactly. Instructions are allowed to grow a little, since code that has
//! nothing to do with a case moves the inlining of another by some; and they are compared with
//! figures of the same compiler alone.

use std::{collections::HashMap, fmt::Write, fs, path::PathBuf, process::Command};

use crate::report::{Measured, Role};

/// What a case may grow by before somebody has to look: a share, and a few instructions.
const SHARE: f64 = 0.05;
const FEW: f64 = 30.0;

/// Instructions, if they were counted, and allocations.
type Counts = (Option<f64>, f64);

/// Writes the figures of now.
pub(crate) fn bless(measured: &[Measured]) {
    let mut text = format!("# {}\n# case\tinstructions\tallocations\n", compiler());
    for (path, (instructions, allocations)) in ours(measured) {
        let instructions = instructions.map_or_else(|| "-".to_owned(), |n| format!("{n:.0}"));
        writeln!(text, "{path}\t{instructions}\t{allocations}").expect("a string takes all");
    }
    fs::write(file(), text).expect("the figures can be written");
}

/// Whether nothing has grown. Says what has.
pub(crate) fn check(measured: &[Measured]) -> bool {
    let text = fs::read_to_string(file()).expect("the figures can be read: --bless writes them");
    let same_compiler = text.lines().next() == Some(&format!("# {}", compiler()));
    if !same_compiler {
        println!("the figures are of another compiler: allocations alone are compared");
    }
    let committed = parse(&text);
    let mut passes = true;
    let mut compared = 0;
    for (path, (instructions, allocations)) in ours(measured) {
        let Some((was_instructions, was_allocations)) = committed.get(path.as_str()) else {
            println!("new: {path}: --bless it");
            continue;
        };
        compared += 1;
        if allocations > was_allocations + 0.005 {
            println!("{path}: {allocations} allocations, and it was {was_allocations}");
            passes = false;
        }
        if let (Some(now), Some(was), true) = (instructions, was_instructions, same_compiler)
            && now > was + was.abs() * SHARE + FEW
        {
            println!("{path}: {now:.0} instructions, and it was {was:.0}");
            passes = false;
        }
    }
    println!("{compared} cases compared");
    passes
}

fn ours(measured: &[Measured]) -> impl Iterator<Item = (String, Counts)> {
    measured.iter().filter(|line| line.role == Role::Ours).map(|line| {
        let path = format!("{}/{}/{}", line.concern, line.group, line.name);
        (path, (line.instructions, line.allocations.count))
    })
}

fn parse(text: &str) -> HashMap<&str, Counts> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = |line| {
        let mut columns = str::split(line, '\t');
        let path = columns.next()?;
        let instructions = columns.next()?.parse().ok();
        Some((path, (instructions, columns.next()?.parse().ok()?)))
    };
    lines.filter_map(line).collect()
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    version.map_or_else(|| "an unknown compiler".to_owned(), |text| text.trim().to_owned())
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.tsv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_figures_are_read_and_comments_are_not() {
        let text = "# rustc 1.0\na/b/c d\t120\t2\ne/f/g\t-\t0.5\n";
        let counts = parse(text);
        assert_eq!(counts.len(), 2);
        assert_eq!(counts["a/b/c d"], (Some(120.0), 2.0));
        assert_eq!(counts["e/f/g"], (None, 0.5));
    }
}
