use std::{env, io::IsTerminal, path::Path, time::Duration};

use crate::{ConfigError, ConfigErrorKind};

/// How long the parts of an end may take. Together they are one budget: a part that needs less
/// leaves the rest to those after it, and none ever gets more than what is left.
///
/// | | lame duck | drain | hooks | of the platform's |
/// |---|---|---|---|---|
/// | [`kubernetes`](Self::kubernetes) | 8 s | 14 s | 4 s | 30 s |
/// | [`docker`](Self::docker) | 3 s | 4 s | 2 s | 10 s |
/// | [`systemd`](Self::systemd) | 5 s | 60 s | 4 s | 90 s |
/// | [`terminal`](Self::terminal) | none | 14 s | 4 s | – |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "timings do nothing until a lifecycle is built with them"]
pub struct Timings {
    pub(crate) lame_duck: Duration,
    pub(crate) drain: Duration,
    pub(crate) hooks: Duration,
    pub(crate) linger: Duration,
    pub(crate) straggler: Duration,
    pub(crate) rush: Duration,
    grace: Option<Duration>,
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Timings {
    /// These, with defaults for the rest.
    pub const fn new(lame_duck: Duration, drain: Duration) -> Self {
        Self {
            lame_duck,
            drain,
            hooks: secs(4),
            linger: Duration::from_millis(200),
            straggler: secs(1),
            rush: secs(2),
            grace: None,
        }
    }

    /// For a pod: 8 s until everybody has heard that it leaves, which covers haproxy's 3 checks
    /// every 2 s and the spread of endpoints, and 26 s of the 30 s that Kubernetes gives.
    pub const fn kubernetes() -> Self {
        Self::new(secs(8), secs(14)).grace(secs(30))
    }

    /// For `docker stop`, which kills after 10 s.
    pub const fn docker() -> Self {
        Self::new(secs(3), secs(4)).hooks(secs(2)).grace(secs(10))
    }

    /// For a unit of systemd, which kills after 90 s.
    pub const fn systemd() -> Self {
        Self::new(secs(5), secs(60)).grace(secs(90))
    }

    /// For somebody who waits at a terminal: nobody routes to us, so there is no lame duck.
    pub const fn terminal() -> Self {
        Self::new(Duration::ZERO, secs(14))
    }

    /// Finds out where this process runs: Kubernetes and systemd by their environment variables,
    /// Docker by its file, a terminal by standard input. Otherwise those of Kubernetes.
    pub fn auto() -> Self {
        let is_set = |name: &str| env::var_os(name).is_some();
        if is_set("KUBERNETES_SERVICE_HOST") {
            Self::kubernetes()
        } else if is_set("NOTIFY_SOCKET") || is_set("LISTEN_FDS") {
            Self::systemd()
        } else if Path::new("/.dockerenv").exists() {
            Self::docker()
        } else if std::io::stdin().is_terminal() {
            Self::terminal()
        } else {
            Self::kubernetes()
        }
    }

    /// How long to serve on while it is known that we leave: as long as balancers and clients need
    /// to notice.
    pub const fn lame_duck(mut self, time: Duration) -> Self {
        self.lame_duck = time;
        self
    }

    /// How long what is in flight may take after that.
    pub const fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// How long all background tasks and hooks may take after that. Default: 4 s.
    pub const fn hooks(mut self, time: Duration) -> Self {
        self.hooks = time;
        self
    }

    /// How long connections on which nothing is in flight are kept once nobody is accepted any
    /// more: as long as a request may already be on its way. Default: 200 ms.
    pub const fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// How long after that the rest of a request's head is waited for. Both are a part of the drain.
    /// Default: 1 s.
    pub const fn straggler(mut self, time: Duration) -> Self {
        self.straggler = time;
        self
    }

    /// What is left of the whole after a second signal. Default: 2 s.
    pub const fn rush(mut self, time: Duration) -> Self {
        self.rush = time;
        self
    }

    /// After which time the platform kills: `terminationGracePeriodSeconds`, `docker stop --time`,
    /// `TimeoutStopSec`. Lame duck, drain and hooks have to fit in, and a build that does not is
    /// refused. Default: that of the preset, else not checked.
    pub const fn grace(mut self, time: Duration) -> Self {
        self.grace = Some(time);
        self
    }

    /// How long it takes at most, from the signal to the exit.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.lame_duck.saturating_add(self.drain).saturating_add(self.hooks)
    }

    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let refuse = |kind| Err(ConfigError::new(kind));
        if self.total() > secs(24 * 60 * 60) {
            return refuse(ConfigErrorKind::Total);
        }
        if self.rush.is_zero() {
            return refuse(ConfigErrorKind::Rush);
        }
        match self.grace {
            Some(grace) if self.total() >= grace => refuse(ConfigErrorKind::Grace),
            _ => Ok(self),
        }
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self::auto()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_fits_into_its_platforms_grace() {
        for preset in
            [Timings::kubernetes(), Timings::docker(), Timings::systemd(), Timings::terminal()]
        {
            assert_eq!(preset.checked(), Ok(preset));
        }
        assert_eq!(Timings::kubernetes().total(), secs(26));
        assert_eq!(Timings::docker().total(), secs(9));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let kind = |timings: Timings| timings.checked().unwrap_err().kind();
        assert_eq!(kind(Timings::kubernetes().drain(secs(20))), ConfigErrorKind::Grace);
        assert_eq!(kind(Timings::terminal().drain(Duration::MAX)), ConfigErrorKind::Total);
        assert_eq!(kind(Timings::terminal().rush(Duration::ZERO)), ConfigErrorKind::Rush);
    }
}
