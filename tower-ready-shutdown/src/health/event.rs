//! What health tells of its checks.

use super::{Criticality, Status};

/// A check changed its mind, after rise and fall.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Change<'a> {
    /// Its name.
    pub check: &'a str,
    /// What its failure means.
    pub criticality: Criticality,
    /// What it said before; `None` before it passed for the first time.
    pub from: Option<Status>,
    /// What it says now.
    pub to: Status,
    /// Why it fails.
    pub error: Option<&'a str>,
}

/// Hears when a check changes: a closure, `()` for nobody, a tuple of two.
///
/// It is called by the task of the check, never on the path of a probe.
pub trait OnChange: Send + Sync + 'static {
    /// A check changed.
    fn on_change(&self, change: &Change<'_>);
}

impl OnChange for () {
    fn on_change(&self, _: &Change<'_>) {}
}

impl<F> OnChange for F
where
    F: Fn(&Change<'_>) + Send + Sync + 'static,
{
    fn on_change(&self, change: &Change<'_>) {
        self(change);
    }
}

impl<A: OnChange, B: OnChange> OnChange for (A, B) {
    fn on_change(&self, change: &Change<'_>) {
        self.0.on_change(change);
        self.1.on_change(change);
    }
}
