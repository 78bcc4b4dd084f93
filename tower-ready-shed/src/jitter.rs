use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Spreads what many are told at once, so that they do not all come back at once.
#[derive(Debug)]
pub(crate) struct Jitter {
    state: RandomState,
    turn: AtomicU64,
}

impl Jitter {
    pub(crate) fn new() -> Self {
        Self { state: RandomState::new(), turn: AtomicU64::new(0) }
    }

    /// A random number from 0 to 1.
    pub(crate) fn unit(&self) -> f64 {
        let random = self.state.hash_one(self.turn.fetch_add(1, Relaxed));
        (random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From half of it to one and a half.
    pub(crate) fn around(&self, time: Duration) -> Duration {
        time / 2 + time.mul_f64(self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_evenly_around_what_was_meant() {
        let jitter = Jitter::new();
        let times = (0..1_000).map(|_| jitter.around(Duration::from_secs(2)));
        let times: Vec<_> = times.collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(1) && *most <= Duration::from_secs(3));
        assert!(*least < Duration::from_millis(1_100) && *most > Duration::from_millis(2_900));
        let mean = times.iter().sum::<Duration>() / 1_000;
        assert!(mean > Duration::from_millis(1_900) && mean < Duration::from_millis(2_100));
    }
}
