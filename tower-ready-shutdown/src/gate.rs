use std::fmt;

use crate::Lifecycle;

/// Something that has to be done before the process is ready: migrations, a warm cache, a first
/// answer of the database.
///
/// While one gate is closed the phase is [`Starting`](crate::Phase::Starting). A gate that is
/// dropped without being opened stays closed for ever, since what it stood for was not done.
#[must_use = "the process is not ready until the gate is opened"]
pub struct Gate {
    lifecycle: Lifecycle,
    name: String,
    opened: bool,
}

impl Gate {
    pub(crate) const fn new(lifecycle: Lifecycle, name: String) -> Self {
        Self { lifecycle, name, opened: false }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It is done.
    pub fn open(mut self) {
        self.opened = true;
        self.lifecycle.gate_opened(&self.name);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.opened {
            self.lifecycle.gate_lost(&self.name);
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.name).finish()
    }
}
