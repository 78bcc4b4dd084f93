//! By which terms units are leased.

use std::time::Duration;

use crate::{Quota, store::pot::Pot};

/// How long leases last, and how fast is asked for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// For so long the bucket remembers a lease.
    pub(super) life: Duration,
    /// When little is left, an instance asks no more often than this.
    pub(super) pause: Duration,
    /// So many units come back in a pause.
    pub(super) refill: u64,
    /// So many units may be spent and not reported when the bucket lacks nothing else.
    pub(super) lag: u64,
}

impl Terms {
    pub(super) fn new(quota: &Quota, life: Duration) -> Self {
        // A bucket fills a little meanwhile, and loses nothing by it.
        let tolerance = quota.rate().tolerance.nanos;
        let pause = Duration::from_nanos(tolerance / 50).min(Duration::from_millis(20));
        let period = quota.period().as_nanos().max(1);
        let refill = |time: Duration| u128::from(quota.count()) * time.as_nanos() / period;
        // What is spent and not reported does not refill. This is a hundredth of what a bucket gives
        // in five seconds that was full.
        let lag = (u128::from(quota.max_burst()) + refill(Duration::from_secs(5))) / 100;
        let units = |units: u128| units.min(Pot::MAX.into()) as u64;
        Self { life, pause, refill: units(refill(pause)), lag: units(lag) }
    }

    /// How long the instance believes in a lease. Clocks may differ by one part in a hundred, and
    /// its count begins before the message is sent.
    pub(super) fn belief(&self) -> Duration {
        self.life - self.life / 100
    }
}
