use std::fmt;

/// Where a process is in its life. It goes from top to bottom; the one way back is
/// [`resume`](crate::Lifecycle::resume), from `Draining` to `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Phase {
    /// Not all gates are open. Connections are accepted, since probes want answers.
    Starting,
    /// In service.
    Ready,
    /// The lame duck: we say that we leave, and serve whoever has not heard it yet.
    Draining,
    /// Nobody is accepted any more, and what is in flight may finish.
    Closing,
    /// Background tasks and hooks end, the latest first.
    Stopping,
    /// Over, and nothing was cut.
    Stopped,
    /// Over, and work was cut.
    Forced,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Starting,
        Self::Ready,
        Self::Draining,
        Self::Closing,
        Self::Stopping,
        Self::Stopped,
        Self::Forced,
    ];

    pub(crate) fn from_u8(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Forced)
    }

    /// Whether the end was asked for.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        self as u8 >= Self::Draining as u8
    }

    /// Whether all is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        self as u8 >= Self::Stopped as u8
    }

    /// One word, for labels: `starting`, `ready`, `draining`, `closing`, `stopping`, `stopped`,
    /// `forced`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Closing => "closing",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Forced => "forced",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_survives_its_number() {
        for phase in Phase::ALL {
            assert_eq!(Phase::from_u8(phase as u8), phase);
        }
        assert!(Phase::ALL.is_sorted());
    }
}
