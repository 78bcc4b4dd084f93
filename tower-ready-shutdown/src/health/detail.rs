/// How much a probe may be told, at most.
///
/// The names of dependencies and the texts of errors are a map of the system for whoever should not
/// have one, so the socket that everybody reaches says one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a ladder with these three steps")]
pub enum Detail {
    /// One word: `pass`, `warn` or `fail`.
    Minimal,
    /// A line for each check as well: its name and its word.
    Names,
    /// Errors, times and versions as well.
    Full,
}
