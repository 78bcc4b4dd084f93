use std::panic::{AssertUnwindSafe, catch_unwind};

/// What code of our user's says, or nothing if it panics: it is asked while locks are held, guards are
/// dropped and other panics unwind, and the call at hand has nothing to do with it.
pub(crate) fn contained<T>(ask: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(ask)).ok()
}
