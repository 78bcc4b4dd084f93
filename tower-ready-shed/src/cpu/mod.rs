//! Sheds when the processors have too much to do, whatever the limit says.

mod law;
mod meter;

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tower_ready_core::Instant;

use self::{law::Law, meter::Meter};
use crate::{ConfigError, ConfigErrorKind, Priority};

/// How busy the processors may be before requests are turned away: on Linux.
///
/// Where the work is computing and not waiting, answers get late when there is nobody left to
/// compute them, and a limit of how many there are at a time does not see that: some requests cost
/// a hundred times as much as others, and what else runs on the machine is not counted at all.
///
/// What is measured is the control group (version 2) that has a quota, since a container is
/// throttled at that however idle the machine is, and else the whole machine. It is read four times
/// a second by a request that comes then, which takes some ten microseconds of reading `/proc` and
/// `/sys/fs/cgroup`.
///
/// ```no_run
/// use tower_ready_shed::{Bulkhead, Cpu};
///
/// let bulkhead = Bulkhead::builder().cpu(Cpu::above(0.9)).build()?;
/// # Ok::<(), tower_ready_shed::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it is for a bulkhead's builder"]
pub struct Cpu {
    most: f64,
    interval: Duration,
}

impl Cpu {
    /// Turns requests away while more than this part of the processors is in use: more of them the
    /// longer it lasts, [low](Priority::Low) ones twice as many, and [high](Priority::High) ones
    /// never.
    pub const fn above(most: f64) -> Self {
        Self { most, interval: Duration::from_millis(250) }
    }

    pub(crate) fn checked(self, now: Instant) -> Result<CpuGate, ConfigError> {
        if !(self.most > 0.0 && self.most < 1.0) {
            return Err(ConfigError::new(ConfigErrorKind::Cpu));
        }
        let meter = Meter::find().ok_or(ConfigError::new(ConfigErrorKind::CpuUnknown))?;
        Ok(CpuGate {
            due: AtomicU64::new((now + self.interval).as_nanos()),
            interval: self.interval,
            share: AtomicU32::new(0),
            turn: AtomicU32::new(0),
            state: Mutex::new(State { meter, law: Law::new(self.most) }),
        })
    }
}

/// After so many measurements that nobody made, those before mean nothing.
const FORGOTTEN: u32 = 10;

pub(crate) struct CpuGate {
    /// When it is measured next, in nanoseconds.
    due: AtomicU64,
    interval: Duration,
    /// The share that is turned away, as the bits of an `f32`.
    share: AtomicU32,
    turn: AtomicU32,
    state: Mutex<State>,
}

struct State {
    meter: Meter,
    law: Law,
}

impl CpuGate {
    /// Whether a request is turned away.
    #[inline]
    pub(crate) fn sheds(&self, priority: Priority, now: Instant) -> bool {
        if now.as_nanos() >= self.due.load(Relaxed) {
            self.measure(now);
        }
        let share = self.share();
        share > 0.0 && self.is_chosen(share, priority)
    }

    /// The share of requests of normal priority that are turned away.
    pub(crate) fn share(&self) -> f32 {
        f32::from_bits(self.share.load(Relaxed))
    }

    #[cold]
    fn is_chosen(&self, share: f32, priority: Priority) -> bool {
        let share = match priority {
            Priority::Low => share * 2.0,
            Priority::Normal => share,
            Priority::High => return false,
        };
        // Multiples of the golden ratio lie evenly between 0 and 1, however few are taken.
        let turn = self.turn.fetch_add(1, Relaxed).wrapping_mul(0x9e37_79b9);
        (f64::from(turn) / f64::from(u32::MAX)) < f64::from(share)
    }

    /// Whoever comes while another is at it has nothing to add.
    #[cold]
    fn measure(&self, now: Instant) {
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        let due = Instant::from_nanos(self.due.load(Relaxed));
        self.due.store((now + self.interval).as_nanos(), Relaxed);
        let State { meter, law } = &mut *state;
        // Nobody came for so long that what was too much is over.
        if now.since(due) > self.interval.saturating_mul(FORGOTTEN) {
            law.forget();
            self.share.store(0, Relaxed);
        }
        if let Some(usage) = meter.usage(now) {
            self.share.store((law.share(usage) as f32).to_bits(), Relaxed);
        }
    }
}

impl fmt::Debug for CpuGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuGate").field("share", &self.share()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl CpuGate {
    /// One that turns this share away for good.
    pub(crate) fn of(share: f32) -> Self {
        Self {
            due: AtomicU64::new(u64::MAX),
            interval: Duration::MAX,
            share: AtomicU32::new(share.to_bits()),
            turn: AtomicU32::new(0),
            state: Mutex::new(State { meter: Meter::none(), law: Law::new(0.9) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shed(gate: &CpuGate, priority: Priority) -> usize {
        let now = Instant::from_nanos(1);
        (0..1_000).filter(|_| gate.sheds(priority, now)).count()
    }

    #[test]
    fn as_many_are_turned_away_as_the_share_says() {
        let gate = CpuGate::of(0.3);
        assert!((295..=305).contains(&shed(&gate, Priority::Normal)));
        assert!((595..=605).contains(&shed(&gate, Priority::Low)));
        assert_eq!(shed(&gate, Priority::High), 0);
        assert_eq!(shed(&CpuGate::of(0.0), Priority::Low), 0);
    }

    #[test]
    fn who_comes_when_nobody_came_for_long_does_not_pay_for_what_was() {
        let gate = CpuGate { interval: Duration::from_millis(250), ..CpuGate::of(1.0) };
        let second = Instant::from_nanos(1_000_000_000);
        gate.due.store(second.as_nanos(), Relaxed);
        assert!(gate.sheds(Priority::Normal, second + Duration::from_secs(2)));
        gate.due.store(second.as_nanos(), Relaxed);
        assert!(!gate.sheds(Priority::Normal, second + Duration::from_secs(3)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_finds_something_to_measure_on_linux() {
        let gate = Cpu::above(0.9).checked(Instant::now()).unwrap();
        // It is due, and what it finds is a share, whatever else this machine does.
        assert!(gate.due.load(Relaxed) > 0);
        gate.measure(Instant::from_nanos(u64::MAX / 2));
        assert!((0.0..1.0).contains(&gate.share()));
    }

    #[test]
    fn nonsense_is_refused() {
        for most in [0.0, 1.0, -0.1, f64::NAN] {
            let error = Cpu::above(most).checked(Instant::now()).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::Cpu, "{most}");
        }
    }
}
