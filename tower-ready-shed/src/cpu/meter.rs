//! How busy the processors are, as Linux tells.

use std::{fs, path::PathBuf, thread, time::Duration};

use tower_ready_core::Instant;

pub(super) struct Meter {
    source: Source,
    last: Option<Reading>,
}

enum Source {
    /// A control group with a quota: its file, and how many processors' time it may have.
    Group { stat: PathBuf, processors: f64 },
    /// The whole machine.
    Machine,
    #[cfg(test)]
    None,
}

/// What was used, out of what there was, in any unit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    used: f64,
    of: f64,
}

const GROUPS: &str = "/sys/fs/cgroup";

impl Meter {
    /// What there is to measure here.
    pub(super) fn find() -> Option<Self> {
        let source = Source::group().unwrap_or(Source::Machine);
        let mut meter = Self { source, last: None };
        meter.last = Some(meter.read(Instant::now())?);
        Some(meter)
    }

    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self { source: Source::None, last: None }
    }

    /// Which part was in use since this was asked last.
    pub(super) fn usage(&mut self, now: Instant) -> Option<f64> {
        let reading = self.read(now)?;
        let last = self.last.replace(reading)?;
        let (used, of) = (reading.used - last.used, reading.of - last.of);
        (of > 0.0).then(|| (used / of).clamp(0.0, 1.0))
    }

    fn read(&self, now: Instant) -> Option<Reading> {
        match &self.source {
            Source::Group { stat, processors } => {
                let used = group_usage(&fs::read_to_string(stat).ok()?)?;
                let time = Duration::from_nanos(now.as_nanos()).as_secs_f64();
                Some(Reading { used: used.as_secs_f64(), of: time * processors })
            }
            Source::Machine => machine_usage(&fs::read_to_string("/proc/stat").ok()?),
            #[cfg(test)]
            Source::None => None,
        }
    }
}

impl Source {
    /// The control group of this process, or the nearest around it, that has a quota below all the
    /// processors of the machine.
    fn group() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let available = thread::available_parallelism().map_or(1.0, |it| it.get() as f64);
        // In a container the path may be that outside of it, and the group the root that is seen.
        let path = PathBuf::from(GROUPS).join(group_path(&own)?);
        let seen = path.ancestors().take_while(|path| path.starts_with(GROUPS));
        let quota = |path: &std::path::Path| {
            let processors = group_quota(&fs::read_to_string(path.join("cpu.max")).ok()?)?;
            let stat = path.join("cpu.stat");
            stat.exists().then_some(Self::Group { stat, processors })
        };
        let tightest = |one: Self, other: Self| match (&one, &other) {
            (Self::Group { processors: a, .. }, Self::Group { processors: b, .. }) if a > b => {
                other
            }
            _ => one,
        };
        let group = seen.filter_map(quota).reduce(tightest)?;
        match group {
            Self::Group { processors, .. } if is_bound(processors, available) => Some(group),
            _ => None,
        }
    }
}

/// Whether a quota is what bounds us, and not the processors that there are: `available_parallelism`
/// heeds both, and rounds a quota down, but to one at least.
fn is_bound(processors: f64, available: f64) -> bool {
    processors < available + 1.0
}

/// The path in the hierarchy of version 2, below its root: `0::/a/b`.
fn group_path(groups: &str) -> Option<&str> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let is_below = path.split('/').all(|part| part != "..");
    is_below.then_some(path)
}

/// `cpu.max` is what may be used in a period, and the period: `max 100000`, `150000 100000`.
fn group_quota(max: &str) -> Option<f64> {
    let (quota, period) = max.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota.is_finite() && quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// `cpu.stat` has a line `usage_usec N`.
fn group_usage(stat: &str) -> Option<Duration> {
    let micros = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(Duration::from_micros(micros.trim().parse().ok()?))
}

/// The first line of `/proc/stat`: user, nice, system, idle, waiting for disks, interrupts, soft
/// interrupts, and what the hypervisor took, which is not ours to use.
fn machine_usage(stat: &str) -> Option<Reading> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<f64> =
        line.split_whitespace().take(8).map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let idle = times.get(3)? + times.get(4).unwrap_or(&0.0);
    let of: f64 = times.iter().sum();
    Some(Reading { used: of - idle, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_read_and_nonsense_is_not() {
        assert_eq!(group_path("12:cpu:/old\n0::/kubepods/pod1\n"), Some("kubepods/pod1"));
        assert_eq!(group_path("0::/\n"), Some(""));
        assert_eq!(group_path("0::/../../else\n"), None);
        assert_eq!(group_path("12:cpu:/old\n"), None);

        assert_eq!(group_quota("150000 100000\n"), Some(1.5));
        for none in ["max 100000\n", "", "0 100000", "-1 100000", "1 0", "inf 1", "NaN 1", "7"] {
            assert_eq!(group_quota(none), None, "{none:?}");
        }

        let stat = "usage_usec 4711\nuser_usec 4000\n";
        assert_eq!(group_usage(stat), Some(Duration::from_micros(4_711)));
        assert_eq!(group_usage("user_usec 4000\n"), None);
        assert_eq!(group_usage("usage_usec much\n"), None);

        let stat = "cpu  10 1 4 80 5 0 0 0 0 0\ncpu0 1 2 3 4\n";
        for (quota, available) in [(0.5, 1.0), (1.0, 1.0), (1.5, 1.0), (2.0, 2.0), (2.5, 2.0)] {
            assert!(is_bound(quota, available), "{quota}");
        }
        assert!(!is_bound(8.0, 2.0), "there are but two processors");

        assert_eq!(machine_usage(stat), Some(Reading { used: 15.0, of: 100.0 }));
        for none in ["", "intr 1 2 3", "cpu  1 2", "cpu  a b c d"] {
            assert_eq!(machine_usage(none), None, "{none:?}");
        }
    }

    #[test]
    fn usage_is_what_came_between_two_readings() {
        let mut meter = Meter { source: Source::Machine, last: None };
        meter.last = Some(Reading { used: 0.0, of: 0.0 });
        if let Some(usage) = meter.usage(Instant::now()) {
            assert!((0.0..=1.0).contains(&usage));
        }
        assert_eq!(Meter::none().usage(Instant::now()), None);
    }
}
