use std::time::Duration;

use crate::{ConfigError, ConfigErrorKind};

/// A limit that finds itself, from how long answers take.
///
/// While a service has room, an answer takes as long as it does with nobody else there. When it has
/// none, requests wait inside of it, and each answer takes longer the more there are. So the limit
/// is lowered by as much as answers take longer than they need to, and raised by a little each time.
///
/// How long they need is measured now and then, with but a few requests at a time. An average over
/// a long time, as [`gradient2`](Self::gradient2) has it, comes to take an overload for the rule.
///
/// While it is measured, no more than the [lowest limit](Self::least) are served, until thirty of
/// them were answered or ten [intervals](Self::interval) are over. With the defaults that is a tenth
/// of a second in ten where an answer needs 10 ms, and a whole one where it needs 100 ms: there a
/// higher `least`, a longer [`probe_every`](Self::probe_every) or a [`Queue`](crate::Queue) is in
/// place. Where answers need so long that none comes in five intervals, or streams hold the slots,
/// the measurement is given up, and the quickest that was seen counts. Streams count as served to
/// their ends: they belong behind a bulkhead of their own. So does either half of the requests where
/// one is much quicker than the other, since what is looked at is the median of all.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is for a bulkhead's builder"]
pub struct Adaptive(Settings);

/// How the limit moves from one window to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Law {
    Gradient { tolerance: f64 },
    Gradient2 { tolerance: f64 },
    Vegas,
    Aimd { slow: Duration },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) law: Law,
    pub(crate) least: u32,
    pub(crate) initial: u32,
    pub(crate) most: u32,
    pub(crate) interval: Duration,
    pub(crate) probe_every: Duration,
}

impl Adaptive {
    /// By the gradient between how long answers take and how long they need: the one to begin
    /// with, since it needs to know nothing of the service.
    pub const fn gradient() -> Self {
        Self::by(Law::Gradient { tolerance: 1.25 })
    }

    /// By the gradient between how long answers take and how long they took in the last minute: what
    /// Netflix calls Gradient2. It never turns calls away to measure, and knows nothing but how it
    /// was: of a load that is too much from the start, or that lasts, it thinks that it has to be so.
    pub const fn gradient2() -> Self {
        Self::by(Law::Gradient2 { tolerance: 1.5 })
    }

    /// By how many requests wait inside of the service, as TCP Vegas does: between three and six
    /// times the logarithm of the limit. It moves in smaller steps, so it is calmer, and slower to
    /// find another capacity.
    pub const fn vegas() -> Self {
        Self::by(Law::Vegas)
    }

    /// One more while the median of answers is quicker than this, and a tenth less when it is
    /// slower: for a service of which it is known how slow is too slow. It measures nothing else,
    /// so it never turns calls away to do so, and follows that time alone.
    pub const fn aimd(slow: Duration) -> Self {
        Self::by(Law::Aimd { slow })
    }

    const fn by(law: Law) -> Self {
        Self(Settings {
            law,
            least: 3,
            initial: 20,
            most: 1_000,
            interval: Duration::from_millis(100),
            probe_every: Duration::from_secs(10),
        })
    }

    /// The lowest limit, which also holds while it is measured how long answers need. Default: 3.
    pub const fn least(mut self, limit: usize) -> Self {
        self.0.least = narrow(limit);
        self
    }

    /// The limit to begin with. Default: 20.
    pub const fn initial(mut self, limit: usize) -> Self {
        self.0.initial = narrow(limit);
        self
    }

    /// The highest limit. Default: 1,000.
    pub const fn most(mut self, limit: usize) -> Self {
        self.0.most = narrow(limit);
        self
    }

    /// How many times as long as it needs, or as it used to, an answer may take before a gradient
    /// lowers the limit. The other laws do not ask for it. Default: 1.25, of `gradient2` 1.5.
    pub const fn tolerance(mut self, tolerance: f64) -> Self {
        self.0.law = match self.0.law {
            Law::Gradient { .. } => Law::Gradient { tolerance },
            Law::Gradient2 { .. } => Law::Gradient2 { tolerance },
            law => law,
        };
        self
    }

    /// How often the limit is reconsidered. Default: each 100 ms.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.0.interval = interval;
        self
    }

    /// How often it is measured how long answers need, about: each time is between half of this and
    /// one and a half, so that instances do not measure each other. Default: each 10 s.
    pub const fn probe_every(mut self, time: Duration) -> Self {
        self.0.probe_every = time;
        self
    }

    pub(crate) fn checked(self) -> Result<Settings, ConfigError> {
        let Self(settings) = self;
        let in_order = 0 < settings.least
            && settings.least <= settings.initial
            && settings.initial <= settings.most
            && settings.most <= u32::MAX / 2;
        let tolerable = match settings.law {
            Law::Gradient { tolerance } | Law::Gradient2 { tolerance } => {
                (1.0..=100.0).contains(&tolerance)
            }
            Law::Vegas => true,
            Law::Aimd { slow } => !slow.is_zero(),
        };
        if !in_order {
            Err(ConfigError::new(ConfigErrorKind::Limits))
        } else if !tolerable {
            Err(ConfigError::new(ConfigErrorKind::Tolerance))
        } else if settings.interval.is_zero() || settings.probe_every < settings.interval * 10 {
            Err(ConfigError::new(ConfigErrorKind::Interval))
        } else {
            Ok(settings)
        }
    }
}

/// What does not fit is refused when the bulkhead is built.
const fn narrow(limit: usize) -> u32 {
    if limit > u32::MAX as usize { u32::MAX } else { limit as u32 }
}
