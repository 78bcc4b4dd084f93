//! What was measured, as tables or as JSON.

use serde_json::{Value, json};

use crate::{Group, allocations::Allocations, time::Time};

/// What was measured of one baseline or case.
#[derive(Debug)]
pub(crate) struct Measured {
    concern: &'static str,
    group: &'static str,
    name: &'static str,
    role: Role,
    time: Time,
    instructions: Option<f64>,
    allocations: Allocations,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Baseline,
    Ours,
    Peer,
}

impl Measured {
    pub(crate) fn of(
        groups: &[Group],
        times: &[Time],
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
                // Times are differences already; what is counted becomes one here.
                let base = (n > first).then_some(first);
                let beyond = |count: &dyn Fn(usize) -> f64| count(n) - base.map_or(0.0, count);
                measured.push(Self {
                    concern: group.concern,
                    group: group.name,
                    name: case.name,
                    role,
                    time: times[n],
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
        println!("\n## {}\n", concern[0].concern);
        println!("| case | ns | 10-90 % | instr. | allocs | bytes |");
        println!("|---|---:|---:|---:|---:|---:|");
        for group in concern.chunk_by(|a, b| a.group == b.group) {
            for line in group {
                println!("{}", row(line));
            }
        }
    }
    println!(
        "\nOf each group the first line is the baseline as it is; the others are what they cost \
         beyond it. Peers are in brackets."
    );
}

fn row(line: &Measured) -> String {
    let (group, name) = (line.group, line.name);
    let name = match line.role {
        Role::Baseline => format!("**{group}**, over {name}"),
        Role::Ours => name.to_owned(),
        Role::Peer => format!("[{name}]"),
    };
    let Time { median, low, high } = line.time;
    let (median, low, high) = (number(median), number(low), number(high));
    let instructions = line.instructions.map_or_else(|| "–".to_owned(), number);
    let allocations = number(line.allocations.count);
    let bytes = number(line.allocations.bytes);
    format!("| {name} | {median} | {low}..{high} | {instructions} | {allocations} | {bytes} |")
}

/// Three digits that mean something.
fn number(number: f64) -> String {
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
        "ns": { "median": line.time.median, "low": line.time.low, "high": line.time.high },
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
