//! Who is told to go, and when, while the lame duck lasts. Pure.
//!
//! All clients that are told at once come back at once, as new connections, to whoever still takes
//! them, which may be us. So the share of those who are told grows with time, up to all of them
//! after four fifths of the lame duck; the last fifth catches everybody who is active.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The time within which the share grows from none to all.
pub(crate) fn length(lame_duck: Duration) -> Duration {
    lame_duck / 5 * 4
}

/// The rest of the lame duck, after a ramp of this length.
pub(crate) fn after(length: Duration) -> Duration {
    length / 4
}

/// Which share is told, this long after the beginning.
pub(crate) fn share(elapsed: Duration, length: Duration) -> f64 {
    if elapsed >= length { 1.0 } else { elapsed.as_secs_f64() / length.as_secs_f64() }
}

/// A random number from 0 to 1. Each `RandomState` has a key of its own.
pub(crate) fn chance() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_grows_evenly_to_all_at_four_fifths() {
        let length = length(Duration::from_secs(10));
        assert_eq!(length, Duration::from_secs(8));
        assert_eq!(after(length), Duration::from_secs(2));
        assert_eq!(share(Duration::ZERO, length), 0.0);
        assert_eq!(share(Duration::from_secs(2), length), 0.25);
        assert_eq!(share(Duration::from_secs(8), length), 1.0);
        assert_eq!(share(Duration::from_secs(9), length), 1.0);
        assert_eq!(share(Duration::ZERO, Duration::ZERO), 1.0);
    }

    #[test]
    fn chances_are_spread_over_the_whole() {
        let mean = (0..10_000).map(|_| chance()).sum::<f64>() / 10_000.0;
        assert!((0.47..0.53).contains(&mean), "{mean}");
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&chance())));
    }
}
