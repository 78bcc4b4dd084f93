//! Milliseconds: `connect-timeout-ms`, which the Connect protocol limits to ten digits, and the
//! headers of plain HTTP, for which nobody wrote a rule, so that they get the same.

use std::time::Duration;

use super::digits;

const MOST: u128 = 9_999_999_999;

pub(super) fn read(value: &[u8]) -> Option<Duration> {
    digits(value, 10).map(Duration::from_millis)
}

/// Rounded down: a hop must not gain time.
pub(super) fn write(time: Duration) -> String {
    time.as_millis().min(MOST).to_string()
}
