//! The page of the docs, and its charts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    budgets, chart, machine,
    report::{LEGEND, Measured, table},
};

/// Writes both, where the docs of the workspace are.
pub(crate) fn write(measured: &[Measured]) {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let charts = docs.join("benchmarks");
    fs::create_dir_all(&charts).expect("there is room for the charts");
    fs::write(docs.join("BENCHMARKS.md"), page(measured, &charts)).expect("the page is written");
}

fn page(measured: &[Measured], charts: &Path) -> String {
    let mut page = format!(
        "# What each layer costs\n\n\
         Written by `cargo xtask bench --report`: {machine}.\n\n\
         {METHOD}\n\n## Budgets\n\n{budgets}\n{WHY}\n",
        machine = machine::describe(),
        budgets = budgets::table(measured),
    );
    for concern in measured.chunk_by(|a, b| a.concern == b.concern) {
        let name = concern[0].concern;
        page.push_str(&format!("\n## {name}\n\n"));
        let groups = concern.chunk_by(|a, b| a.group == b.group);
        let drawn = groups.filter_map(|group| Some((group[0].group, chart::draw(group)?)));
        for (n, (group, svg)) in drawn.enumerate() {
            let file = format!("{name}-{}.svg", n + 1);
            fs::write(charts.join(&file), svg).expect("the chart is written");
            page.push_str(&format!("![{name}: {group}](benchmarks/{file})\n\n"));
        }
        page.push_str(&table(concern));
    }
    page.push_str(&format!("\n{LEGEND}\n"));
    page
}

const METHOD: &str = "\
Each layer and each peer goes around the same service that does nothing, or each operation around \
nothing, in one process and one run. Times are differences to the bare service: the median of \
interleaved pairs, with the span of the middle 80 %. Of 903 pairs, taken in three passes some minutes \
apart, these are the quicker half, since a machine that others use as well is slow for a while. \
Instructions are callgrind's, and allocations are counted: both are the same each time, but for the \
instructions of tonic, whose large buffers find another heap each time (3 %). Compare ratios within \
this page, not nanoseconds with those of another machine. Two reports, one after the other, differed \
by 3 % in the middle case and by 16 % in one of ten; the shares over sockets by 0.03.\n\n\
What the numbers do not say: how a layer behaves when caches are cold, when many threads share it \
(see below for two), or when a socket is involved; and what your handler costs, beside which most of \
this is nothing.";

const WHY: &str = "\
What is missed was profiled, and this is what it goes to:

- breaker, shed, shutdown, metrics and trace follow an answer to the end of its body. A guard that does
  nothing takes most of what the budgets of breaker and shed allow (see core, `GuardedBody`): request,
  future and answer are moved once for each such layer, and the body is asked through one more.
- deadline and problem look at all headers once and keep who asked, so that they can answer in the
  caller's protocol when the request is gone. Deadline needs that only when the time is up.
- ratelimit hashes the key with a secret, so that nobody can choose whose bucket it shares; its fields
  are two values written and put into the head. A refusal writes a whole problem.
- a request id is made, checked by `http` like any other value, and put into two heads.
- of the instructions of the stack 12,600 are SHA-256 for the token, which valgrind runs without the
  processor's own. What is left is spread over all layers, without a peak: the largest piece, a tenth of
  all, is moves of futures, requests and answers, and a third of those are axum's own at its border.
  Ours checks a token once, which a digest tells it later, and the peers' each time; with a shared
  secret, whose signature is a digest too, the two are closest.";
