//! Counted checks.

use std::fmt;
use std::iter::Sum;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Tally {
    pub(super) const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(super) const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(super) const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// What one line of a checking program counts for.
    pub(super) fn of_line(line: &str) -> Self {
        match line.split_once(' ') {
            Some(("ok", _)) => Self::PASSED,
            Some(("FAILED", _)) => Self::FAILED,
            Some(("skipped", _)) => Self::SKIPPED,
            _ => Self::default(),
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, Self { passed, failed, skipped }| Self {
            passed: sum.passed + passed,
            failed: sum.failed + failed,
            skipped: sum.skipped + skipped,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_their_first_word() {
        let lines = ["ok one", "FAILED two: why", "okay, a remark", "", "ok three", "skipped four"];
        let tally: Tally = lines.into_iter().map(Tally::of_line).sum();
        assert_eq!(tally.to_string(), "2 passed, 1 failed, 1 skipped");
    }
}
