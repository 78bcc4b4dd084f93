//! Counts heap allocations, exactly and per thread.
//!
//! Budgets such as "no allocation on the allowed path" are asserted, not estimated:
//!
//! ```
//! use tower_ready_testing::alloc;
//!
//! assert_eq!(alloc::count(|| 40 + 2).count, 0);
//! assert_eq!(alloc::count(|| vec![0_u8; 64]).bytes, 64);
//! ```
//!
//! Linking this module makes the counting allocator the global one of the test binary. It comes
//! from the crate `allocation-counter`, since an allocator is unsafe code and ours has none. Of the
//! published ones it fits best: it counts per thread, so that tests which run at the same time do
//! not disturb each other (`stats_alloc` and `dhat` count for the process, and the harness itself
//! allocates now and then); it returns numbers instead of aborting (`assert_no_alloc`); it works
//! outside a benchmark (`divan`); and it is 90 lines without a dependency. A reallocation counts as
//! one allocation of the new size, whether or not the allocator could have grown it in place.
//!
//! What another thread allocates is not counted, so drive futures on the counting thread: poll
//! them, or call [`count`] inside a test of the current-thread runtime.

use std::hint::black_box;

/// What a piece of code allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocations {
    /// How many allocations it made.
    pub count: u64,
    /// How many bytes they asked for, freed or not.
    pub bytes: u64,
}

/// Counts what `run` allocates on this thread.
pub fn count<T>(run: impl FnOnce() -> T) -> Allocations {
    counted(run).1
}

/// Counts what `run` allocates on this thread, and keeps what it returns.
pub fn counted<T>(run: impl FnOnce() -> T) -> (T, Allocations) {
    let mut value = None;
    let info = allocation_counter::measure(|| value = Some(black_box(run())));
    let allocations = Allocations { count: info.count_total, bytes: info.bytes_total };
    (value.expect("it ran"), allocations)
}
