//! A place of its own for each thread, so that threads that count do not wait for one another.

use std::{cell::Cell, sync::LazyLock, thread};

/// More than this many threads share: each lane costs each series some memory.
const MAX: usize = 8;

static LANES: LazyLock<usize> = LazyLock::new(|| {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    threads.next_power_of_two().min(MAX)
});

/// How many there are: a power of two.
pub(crate) fn count() -> usize {
    *LANES
}

/// The lane of this thread, below a power of two.
#[inline]
pub(crate) fn own(lanes: usize) -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // A thread that ends may still count, when what it holds is dropped.
    let own = OWN.try_with(|own| match own.get() {
        usize::MAX => {
            own.set(NEXT.fetch_add(1, Relaxed));
            own.get()
        }
        lane => lane,
    });
    own.unwrap_or(0) & (lanes - 1)
}
