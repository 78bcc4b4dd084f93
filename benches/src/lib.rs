//! What each layer costs over the bare service, beside its peers.
//!
//! `cargo bench -p tower-ready-benches` measures all, `-- problem` one concern, `-- problem/JSON` the
//! cases whose path starts so. `--json` writes one JSON document instead of the tables.
//!
//! A [`Case`] is compared with the baseline of its [`Group`] in the same run: a layer around a
//! no-op service with that service alone, an operation with nothing. Three things are measured:
//!
//! - time, as the difference of interleaved pairs, in three passes: the median of the quicker half, and
//!   the span of its middle 80 %. It depends on the machine and on what else that does; compare ratios
//!   within one run.
//! - instructions, by valgrind's callgrind where that is installed. The count is the same each
//!   time, so it shows a change that the clock cannot see.
//! - allocations, exactly, and the bytes that they ask for.
//!
//! `--check` compares what can be counted with the figures in `counts.tsv`, which `--bless` writes:
//! the gate of `cargo xtask test`. `--report` writes `docs/BENCHMARKS.md` and its charts.
//!
//! Valgrind hides AVX-512 and the instructions for SHA, and turns a read of the clock into a call
//! of the system: rows with hashes or `SystemTime` have fewer instructions in life. The allocator
//! that counts adds some 20 instructions and a nanosecond to each allocation, ours and the peers'.
//!
//! Three benches beside `concerns` see what one thread in one process does not: `contention` two
//! threads, `loopback` sockets, `memory` what is kept. `cargo xtask bench --report` runs them all.
//!
//! # A new concern
//!
//! A module in `concerns/` with one function that fills [`Cases`], and its line in
//! `concerns/main.rs`.

#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench prints, and reports its own failures by panicking"
)]

mod allocations;
mod budgets;
mod cases;
mod chart;
mod gate;
mod instructions;
mod machine;
mod options;
mod page;
mod repeat;
mod report;
mod service;
mod time;

use std::env;

pub use self::{
    cases::{Case, Cases, Group},
    repeat::Repeat,
    service::{NoOp, call},
};
use self::{options::Options, report::Measured};

/// A concern: its name, and what fills its cases.
pub type Concern = (&'static str, fn(&mut Cases));

/// Measures what the command line asks for.
pub fn main(concerns: &[Concern]) {
    let options = Options::parse(env::args().skip(1));
    let mut measured = Vec::new();
    let mut samples: Vec<Vec<_>> = concerns.iter().map(|_| Vec::new()).collect();
    let passes = if options.times() { time::PASSES } else { 1 };
    for pass in 0..passes {
        // One concern after the other, so that what one needs to be set up is in the way of no other.
        for ((name, fill), samples) in concerns.iter().zip(&mut samples) {
            let Some(filters) = options.filters_of(name) else { continue };
            let mut cases = Cases::new(name);
            fill(&mut cases);
            let mut groups = cases.chosen(&filters);
            if options.under_callgrind {
                instructions::run(&mut groups);
                continue;
            }
            if pass == 0 {
                let allocations = allocations::measure(&mut groups);
                if options.smoke {
                    continue;
                }
                let instructions = instructions::measure(&groups, &filters);
                measured.extend(Measured::of(&groups, instructions.as_deref(), &allocations));
            }
            if options.times() {
                time::measure(&mut groups, samples);
            }
        }
    }
    for (line, samples) in measured.iter_mut().zip(samples.iter().flatten()) {
        line.time = Some(samples.time());
    }
    if options.under_callgrind || options.smoke {
        return;
    }
    if options.bless {
        gate::bless(&measured);
    } else if options.check {
        if !gate::check(&measured) {
            std::process::exit(1);
        }
    } else if options.report {
        page::write(&measured);
    } else if options.json {
        report::json(&measured);
    } else {
        report::tables(&measured);
    }
}
