//! The law by which the limit moves. It knows the time only as an argument.

use tower_ready_core::Instant;

use super::{Law, Settings, window::Window};

/// As few as say something.
const ENOUGH: u32 = 10;

/// How many a measurement of how long answers need asks for, and how many intervals it may take.
const PROBE: u32 = 30;
const PROBE_INTERVALS: u32 = 10;

/// Below this the limit is not lowered at once, however long answers take.
const STEEPEST: f64 = 0.5;

pub(super) struct Controller {
    settings: Settings,
    limit: f64,
    /// How long an answer needs, in nanoseconds.
    needed: Option<f64>,
    quicker: Quicker,
    phase: Phase,
}

/// The windows in a row whose calls were quicker than what was thought to be needed.
#[derive(Clone, Copy, Default)]
struct Quicker {
    windows: u32,
    slowest: f64,
}

/// How many of them show that less is needed: a burst of what is quick by nature is over by then.
const SURE: u32 = 5;

#[derive(Clone, Copy)]
enum Phase {
    /// Only a few are let in, to see how long an answer needs.
    Probing {
        until: Instant,
    },
    Running {
        next_probe: Instant,
    },
}

/// What closing a window led to.
pub(super) struct Verdict {
    /// When the next one may be closed.
    pub(super) closes: Instant,
    /// Whether calls that have begun tell nothing of what comes now.
    pub(super) is_anew: bool,
}

impl Controller {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        let phase = match settings.law {
            // It has nothing to measure, now or later.
            Law::Aimd { .. } | Law::Gradient2 { .. } => {
                Phase::Running { next_probe: Instant::from_nanos(u64::MAX) }
            }
            Law::Gradient { .. } | Law::Vegas => {
                Phase::Probing { until: now + settings.interval * PROBE_INTERVALS }
            }
        };
        Self {
            settings,
            limit: f64::from(settings.initial),
            needed: None,
            quicker: Quicker::default(),
            phase,
        }
    }

    pub(super) fn limit(&self) -> u32 {
        match self.phase {
            Phase::Probing { .. } => self.settings.least,
            Phase::Running { .. } => self.limit as u32,
        }
    }

    /// How long a call takes at which the limit would be lowered, in nanoseconds.
    pub(super) fn slow(&self) -> u64 {
        match (self.phase, self.needed, self.settings.law) {
            (_, _, Law::Aimd { slow }) => u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX),
            (
                Phase::Running { .. },
                Some(needed),
                Law::Gradient { tolerance } | Law::Gradient2 { tolerance },
            ) => (needed * tolerance) as u64,
            (Phase::Running { .. }, Some(needed), Law::Vegas) => (needed * VEGAS_SLOW) as u64,
            _ => u64::MAX,
        }
    }

    /// Looks at a window, if there is enough to see in it.
    pub(super) fn close(&mut self, now: Instant, window: &Window, spread: f64) -> Verdict {
        let soon = Verdict { closes: now + self.settings.interval, is_anew: false };
        match self.phase {
            Phase::Probing { until } => {
                let count = window.count();
                // Where slots are held for long, or answers take long, there will not be enough.
                let half = self.settings.interval * (PROBE_INTERVALS / 2);
                let is_futile = count == 0 && now + half >= until;
                if count < PROBE && now < until && !is_futile {
                    return Verdict { closes: now + self.settings.interval / 10, is_anew: false };
                }
                let seen = window.take();
                if seen.count >= ENOUGH {
                    self.needed = Some(seen.median);
                    self.quicker = Quicker::default();
                }
                let every = self.settings.probe_every;
                let next_probe = now + every / 2 + every.mul_f64(spread);
                self.phase = Phase::Running { next_probe };
                Verdict { is_anew: true, ..soon }
            }
            Phase::Running { next_probe } if now >= next_probe => {
                window.take();
                let until = now + self.settings.interval * PROBE_INTERVALS;
                self.phase = Phase::Probing { until };
                Verdict { is_anew: true, ..soon }
            }
            Phase::Running { .. } => {
                if window.count() < ENOUGH {
                    return soon;
                }
                let (before, seen) = (self.limit, window.take());
                self.adjust(seen.median, seen.peak);
                // Calls that were let in by a higher limit would lower it again for the same reason.
                Verdict { is_anew: self.limit < before, ..soon }
            }
        }
    }

    fn adjust(&mut self, taken: f64, peak: u32) {
        let limit = match (self.settings.law, self.needed) {
            (Law::Aimd { slow }, _) if taken > slow.as_nanos() as f64 => self.limit * 0.9,
            (Law::Aimd { .. }, _) => self.limit + 1.0,
            (Law::Gradient2 { tolerance }, needed) => {
                let usual = lately(needed, taken);
                self.needed = Some(usual);
                let gradient = (tolerance * usual / taken).clamp(STEEPEST, 1.0);
                let aim = self.limit * gradient + self.limit.sqrt();
                self.limit + (aim - self.limit) * SMOOTHING
            }
            // Until it was measured, what was seen first is what is needed.
            (law, needed) => {
                let needed = self.corrected(needed.unwrap_or(taken), taken);
                self.needed = Some(needed);
                match law {
                    Law::Vegas => vegas(self.limit, needed / taken),
                    Law::Gradient { tolerance } => {
                        let gradient = (tolerance * needed / taken).clamp(STEEPEST, 1.0);
                        // Room to try more, relatively less of it the higher the limit is.
                        self.limit * gradient + self.limit.sqrt()
                    }
                    Law::Aimd { .. } | Law::Gradient2 { .. } => self.limit,
                }
            }
        };
        // A limit that nobody comes near says nothing about what is above it.
        if limit > self.limit && f64::from(peak) * 2.0 < self.limit {
            return;
        }
        let Settings { least, most, .. } = self.settings;
        self.limit = limit.clamp(f64::from(least), f64::from(most));
    }

    /// What is needed, if calls were quicker than that for a while.
    fn corrected(&mut self, needed: f64, taken: f64) -> f64 {
        let Quicker { windows, slowest } = std::mem::take(&mut self.quicker);
        let quicker = Quicker { windows: windows + 1, slowest: slowest.max(taken) };
        if taken >= needed {
            needed
        } else if quicker.windows == SURE {
            quicker.slowest
        } else {
            self.quicker = quicker;
            needed
        }
    }
}

/// How far the limit of Gradient2 goes to where it would be at a time.
const SMOOTHING: f64 = 0.2;

/// How long answers took over the last 600 windows or so, to begin with over those that there were.
fn lately(usual: Option<f64>, taken: f64) -> f64 {
    match usual {
        None => taken,
        // It follows at once when answers are much quicker than they used to be.
        Some(usual) if usual > 2.0 * taken => usual * 0.95,
        Some(usual) => usual + (taken - usual) * (2.0 / 601.0),
    }
}

/// A call that took this much longer than needed had others before it.
const VEGAS_SLOW: f64 = 1.5;

/// Keeps a few calls waiting inside of the service: some, so that it is never idle.
fn vegas(limit: f64, part: f64) -> f64 {
    let waiting = limit * (1.0 - part);
    // Whole digits will do for a logarithm here, and at least one.
    let step = f64::from((limit as u32).max(10).ilog2()) * 0.3;
    if waiting < 3.0 * step {
        limit + step
    } else if waiting > 6.0 * step {
        limit - step
    } else {
        limit
    }
}
