//! The deadline of the code that is running.

use std::cell::Cell;

use tower_ready_core::Deadline;

thread_local! {
    static CURRENT: Cell<Option<Deadline>> = const { Cell::new(None) };
}

/// The deadline of the request or [`run`](crate::DeadlineExt::run) inside of which this is called.
///
/// A server's layer sets it when [`DeadlinesBuilder::task_local`](crate::DeadlinesBuilder::task_local)
/// says so, and a client's for what it calls. It belongs to the task: what is spawned starts without
/// one, and takes it along with `deadline.run(…)`.
#[must_use]
pub fn current() -> Option<Deadline> {
    CURRENT.get()
}

/// Puts the former deadline back when it is dropped.
pub(crate) struct Entered(Option<Deadline>);

/// Makes this the current deadline for as long as the guard lives.
pub(crate) fn enter(deadline: Deadline) -> Entered {
    Entered(CURRENT.replace(Some(deadline)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}
