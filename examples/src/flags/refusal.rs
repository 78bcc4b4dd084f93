use std::fmt;

/// A setting that cannot be used: one line that names it and says what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    setting: String,
    reason: String,
}

impl Refusal {
    pub(crate) fn new(setting: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { setting: setting.into(), reason: reason.to_string() }
    }
}

/// One line whatever was given, since it is quoted here or was by who refused it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.reason)
    }
}
