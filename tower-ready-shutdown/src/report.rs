use std::{fmt, net::SocketAddr, process::ExitCode, time::Duration};

use crate::{Cause, Phase};

/// How a process ended: what each phase took, what was cut, and which tasks and hooks failed.
#[derive(Clone, Debug, Default)]
#[must_use = "it has the exit code"]
pub struct Report {
    pub(crate) cause: Option<Cause>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) took: Duration,
    pub(crate) leftovers: Vec<Leftover>,
    pub(crate) unlisted: usize,
    pub(crate) work_cut: usize,
    pub(crate) ended: Vec<Ended>,
    pub(crate) server_error: Option<String>,
}

/// A phase of the end, as it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// Which.
    pub phase: Phase,
    /// How long after the beginning of the end.
    pub after: Duration,
    /// How many requests were in flight.
    pub in_flight: usize,
    /// How many connections were open.
    pub connections: usize,
}

/// Something that was still there when the time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// What it was: `request`, `upgraded connection`, `connection`.
    pub kind: LeftoverKind,
    /// Of a request that is [described](crate::ShutdownLayer::describe): its method and route.
    pub what: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Whose it was.
    pub peer: Option<SocketAddr>,
    /// How long it had been there.
    pub age: Option<Duration>,
    /// How many bytes had been sent.
    pub bytes: u64,
}

/// What was still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftoverKind {
    /// A request in flight, whose work is cut.
    Request,
    /// A WebSocket or another upgraded connection, whose work is cut.
    Upgraded,
    /// A connection on which no request was known to be in flight: silent, idle, half a head. No
    /// work is lost with it.
    Connection,
}

/// A task or a hook that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// How.
    pub how: How,
    /// How long its end took.
    pub took: Duration,
}

/// How a task or a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// As it should.
    Done,
    /// It took too long, and was dropped.
    TimedOut,
    /// It panicked.
    Panicked,
}

/// The most that a report lists.
pub(crate) const LISTED: usize = 32;

impl Report {
    pub(crate) fn of(ended: Result<Self, tokio::task::JoinError>) -> Self {
        // Only a defect of ours, or of an observer that panics, could bring that about.
        ended.unwrap_or_else(|error| Self {
            server_error: Some(error.to_string()),
            ..Self::default()
        })
    }

    /// Whether all work was done: nothing was cut, no task or hook failed, and the server did not.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.work_cut == 0
            && self.server_error.is_none()
            && self.ended.iter().all(|ended| ended.how == How::Done)
    }

    /// Who asked for the end.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// How long the whole took.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// The phases of the end, in their order.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// How many requests and upgraded connections were cut.
    #[must_use]
    pub const fn work_cut(&self) -> usize {
        self.work_cut
    }

    /// What was still there when the time was over, at most 32.
    #[must_use]
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }

    /// The tasks and hooks, in the order in which they ended.
    #[must_use]
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// What the server failed with, if it did.
    #[must_use]
    pub fn server_error(&self) -> Option<&str> {
        self.server_error.as_deref()
    }

    /// Success if it [is clean](Self::is_clean).
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// One line for the whole, and one for each that was left or failed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.is_clean() { "clean" } else { "not clean" };
        write!(f, "left after {:.1?}: {how}", self.took)?;
        if self.work_cut > 0 {
            write!(f, ", {} cut", self.work_cut)?;
        }
        if let Some(error) = &self.server_error {
            write!(f, "\nthe server failed: {error}")?;
        }
        for leftover in &self.leftovers {
            write!(f, "\n{leftover}")?;
        }
        if self.unlisted > 0 {
            write!(f, "\nand {} more", self.unlisted)?;
        }
        for ended in self.ended.iter().filter(|ended| ended.how != How::Done) {
            write!(f, "\n{ended}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            LeftoverKind::Request => "cut: request",
            LeftoverKind::Upgraded => "cut: upgraded connection",
            LeftoverKind::Connection => "closed: connection",
        })?;
        if let Some(what) = &self.what {
            write!(f, " {what}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", id {id}")?;
        }
        if let Some(peer) = &self.peer {
            write!(f, ", of {peer}")?;
        }
        if let Some(age) = self.age {
            write!(f, ", for {age:.1?}")?;
        }
        write!(f, ", {} bytes sent", self.bytes)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Done => "ended",
            How::TimedOut => "took too long and was dropped",
            How::Panicked => "panicked",
        };
        write!(f, "{} {how}, after {:.1?}", self.name, self.took)
    }
}
