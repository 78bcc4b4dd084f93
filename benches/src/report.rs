//! What was measured, as tables or as JSON.

use serde_json::{Value, json};

use crate::{Group, allocations::Allocations, time::Time};

/// What was measured of one baseline or case.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) concern: &'static str,
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Told when all passes are over.
    pub(crate) time: Option<Time>,
    pub(crate) instructions: Option<f64>,
    pub(crate) allocations: Allocations,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Baseline,
    Ours,
    Peer,
}

impl Measured {
    pub(crate) fn of(
        groups: &[Group],
        instructions: Option<&[f64]>,
        allocations: &[Allocations],
    ) -> Vec<Self> {
        let mut measured = Vec::new();
        for group in groups {
            let first = measured.len();
            for case in std::iter::once(&group.baseline).chain(&group.cases) {
                let n = measured.len();
                let role = match case.is_peer {
                    _ if n == first => Role::Baseline,
                    true => Role::Peer,
                    false => Role::Ours,
                };
                let base = (n > first).then_some(first);
                let beyond = |count: &dyn Fn(usize) -> f64| count(n) - base.map_or(0.0, count);
                measured.push(Self {
                    concern: group.concern,
                    group: group.name,
                    name: case.name,
                    role,
                    time: None,
                    instructions: instructions.map(|counts| beyond(&|n| counts[n])),
                    allocations: Allocations {
                        count: beyond(&|n| allocations[n].count),
                        bytes: beyond(&|n| allocations[n].bytes),
                    },
                });
            }
        }
        measured
    }
}

/// One table for each concern, in the form of Markdown.
pub(crate) fn tables(measured: &[Measured]) {
    for concern in measured.chunk_by(|a, b| a.concern == b.concern) {
        println!("\n## {}\n\n{}", concern[0].concern, table(concern));
    }
    println!("{LEGEND}");
}

/// What the lines of a table mean.
pub(crate) const LEGEND: &str = "\
Of each group the first line is the baseline as it is; the others are what they cost beyond it. Peers \
are in brackets.";

/// The table of one concern.
pub(crate) fn table(concern: &[Measured]) -> String {
    let head = "\
| case | ns | 10-90 % | instr. | allocs | bytes |
|---|---:|---:|---:|---:|---:|
";
    let rows = concern.iter().map(|line| row(line) + "\n");
    rows.fold(head.to_owned(), |table, row| table + &row)
}

fn row(line: &Measured) -> String {
    let (group, name) = (line.group, line.name);
    let name = match line.role {
        Role::Baseline => format!("**{group}**, over {name}"),
        Role::Ours => name.to_owned(),
        Role::Peer => format!("[{name}]"),
    };
    let (median, span) = line.time.map_or_else(
        || ("–".to_owned(), "–".to_owned()),
        |Time { median, low, high }| (number(median), format!("{}..{}", number(low), number(high))),
    );
    let instructions = line.instructions.map_or_else(|| "–".to_owned(), number);
    let allocations = number(line.allocations.count);
    let bytes = number(line.allocations.bytes);
    format!("| {name} | {median} | {span} | {instructions} | {allocations} | {bytes} |")
}

/// Three digits that mean something.
pub(crate) fn number(number: f64) -> String {
    let text = match number.abs() {
        ..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    };
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// One document with all cases.
pub(crate) fn json(measured: &[Measured]) {
    let cases: Vec<Value> = measured.iter().map(case).collect();
    println!("{:#}", json!({ "cases": cases }));
}

fn case(line: &Measured) -> Value {
    let role = match line.role {
        Role::Baseline => "baseline",
        Role::Ours => "ours",
        Role::Peer => "peer",
    };
    json!({
        "concern": line.concern,
        "group": line.group,
        "name": line.name,
        "role": role,
        "ns": line.time.map(|Time { median, low, high }| {
            json!({ "median": median, "low": low, "high": high })
        }),
        "instructions": line.instructions,
        "allocations": line.allocations.count,
        "bytes": line.allocations.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_mean_something() {
        for (value, text) in [
            (0.04, "0"),
            (-0.04, "0"),
            (-1.26, "-1.3"),
            (9.0, "9"),
            (99.46, "99.5"),
            (123.4, "123"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
