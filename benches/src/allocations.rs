//! Allocations: exact counts of this thread.

use crate::{Group, Repeat};

/// What one turn allocates.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocations {
    pub(crate) count: f64,
    pub(crate) bytes: f64,
}

/// Enough turns for a rare growth of a buffer to show as a fraction.
const TURNS: u64 = 100;

/// Measures the baseline and the cases of each group, in order.
pub(crate) fn measure(groups: &mut [Group]) -> Vec<Allocations> {
    let cases = groups.iter_mut().flat_map(Group::all_mut);
    cases.map(|case| of(&mut case.repeat)).collect()
}

fn of(repeat: &mut Repeat) -> Allocations {
    repeat.run(10); // what is kept by the thread is there from now on
    let info = allocation_counter::measure(|| repeat.run(TURNS));
    Allocations {
        count: info.count_total as f64 / TURNS as f64,
        bytes: info.bytes_total as f64 / TURNS as f64,
    }
}
