//! What the store needs of `std`, or of loom when loom explores it.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

/// Waits for a lock that is held for some nanoseconds, or, if its holder has lost the processor,
/// for as long as that takes.
#[cfg(not(loom))]
#[cold]
pub(crate) fn spin(tries: &mut u32) {
    if *tries < 64 {
        *tries += 1;
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(loom)]
pub(crate) fn spin(_tries: &mut u32) {
    loom::thread::yield_now();
}
