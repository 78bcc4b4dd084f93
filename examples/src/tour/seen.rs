use serde::Serialize;

/// Why a step could not even be looked at.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a step sent and got, and whether that is right.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Seen {
    pub(super) sent: Vec<String>,
    pub(super) got: Vec<String>,
    /// The gist of the answer, for the table.
    pub(super) gist: String,
    pub(super) checks: Vec<Check>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub(super) expected: String,
    pub(super) ok: bool,
}

impl Seen {
    /// Something that has to hold.
    pub(super) fn check(mut self, expected: impl Into<String>, ok: bool) -> Self {
        self.checks.push(Check { expected: expected.into(), ok });
        self
    }

    /// One more line of what came back, or was found.
    pub(super) fn and(mut self, line: impl Into<String>) -> Self {
        self.got.push(line.into());
        self
    }

    /// What was sent, where one line says more than each request.
    pub(super) fn sent(mut self, line: impl Into<String>) -> Self {
        self.sent = vec![line.into()];
        self
    }

    /// A step without any check shows nothing.
    pub(super) fn is_good(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }
}
