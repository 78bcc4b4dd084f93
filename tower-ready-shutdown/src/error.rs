//! What can be wrong with a configuration.

use std::{error::Error, fmt, io, sync::Arc};

/// A lifecycle was configured in a way that cannot work.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    source: Option<Arc<io::Error>>,
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The parts of the end take more than a day.
    Total,
    /// The parts of the end do not fit into the time that the platform gives.
    Grace,
    /// A second signal leaves no time at all.
    Rush,
    /// The system does not let us hear of signals.
    Signals,
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn signals(source: io::Error) -> Self {
        Self { kind: ConfigErrorKind::Signals, source: Some(Arc::new(source)) }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ConfigErrorKind::Total => {
                "timings: lame duck, drain and hooks take more than a day: use seconds"
            }
            ConfigErrorKind::Grace => {
                "timings: lame duck, drain and hooks do not fit into the platform's grace: shorten \
                 them, or raise `terminationGracePeriodSeconds` (Kubernetes), `--time` (docker \
                 stop) or `TimeoutStopSec` (systemd), and `Timings::grace` with it"
            }
            ConfigErrorKind::Rush => {
                "timings: rush is zero, so that a second signal cuts everything: use some 2 s; a \
                 third signal ends at once"
            }
            ConfigErrorKind::Signals => {
                "signals: the system does not let us hear of them: see the source, or build without"
            }
        })
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl PartialEq for ConfigError {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
