//! `grpc-timeout`, of the section "Requests" in gRPC over HTTP/2: a positive integer of at most
//! eight digits, and a unit.

use std::time::Duration;

use super::digits;

/// Eight digits.
const TOO_MANY: u128 = 100_000_000;

/// The units, finest first, and how many nanoseconds each has.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60 * 1_000_000_000),
    (b'H', 3_600 * 1_000_000_000),
];

pub(super) fn read(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    let number = digits(number, 8)?;
    Some(match unit {
        b'n' => Duration::from_nanos(number),
        b'u' => Duration::from_micros(number),
        b'm' => Duration::from_millis(number),
        b'S' => Duration::from_secs(number),
        // Eight digits of hours are far below what a duration holds.
        b'M' => Duration::from_secs(number * 60),
        b'H' => Duration::from_secs(number * 3_600),
        _ => return None,
    })
}

/// In the finest unit that eight digits are enough for, rounded down: a hop must not gain time.
pub(super) fn write(time: Duration) -> String {
    let nanos = time.as_nanos();
    for (unit, size) in UNITS {
        let number = nanos / size;
        if number < TOO_MANY {
            return format!("{number}{}", char::from(unit));
        }
    }
    "99999999H".to_owned()
}
