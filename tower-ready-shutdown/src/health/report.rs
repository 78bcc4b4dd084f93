//! What a probe is told, line by line.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use tower_ready_core::Instant;

use super::{Criticality, Status, board::Board, liveness::Liveness, slot::Slot};
use crate::Phase;

/// How one check is at this moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// Its name.
    pub name: Cow<'static, str>,
    /// How it is, after rise and fall.
    pub status: Status,
    /// What its failure means.
    pub criticality: Criticality,
    /// Why its last run failed, which may not count yet.
    pub error: Option<String>,
    /// How long its last run took; `None` if it has not run.
    pub took: Option<Duration>,
    /// When its last run was over.
    pub at: Option<SystemTime>,
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Live,
    Ready,
    Startup,
}

impl CheckReport {
    /// A line that no check stands behind.
    fn own(name: &'static str, error: Option<String>) -> Self {
        Self {
            name: name.into(),
            status: if error.is_none() { Status::Pass } else { Status::Fail },
            criticality: Criticality::Required,
            error,
            took: None,
            at: None,
        }
    }

    fn of_slot(slot: &Slot, now: Instant) -> Self {
        let last = slot.last();
        let status = slot.status(now);
        let error = match last.error {
            None if status != Status::Pass && last.at.is_none() => Some("not checked yet".into()),
            None if slot.is_stale(now) => Some("the last result is too old".into()),
            error => error,
        };
        Self {
            name: slot.name.clone(),
            status,
            criticality: slot.criticality,
            error,
            took: last.at.map(|_| last.took),
            at: last.at,
        }
    }
}

pub(super) fn readiness(board: &Board, now: Instant) -> Vec<CheckReport> {
    let slots = board.slots.iter().map(|slot| CheckReport::of_slot(slot, now));
    std::iter::once(lifecycle(board, |phase| phase == Phase::Ready)).chain(slots).collect()
}

/// What startup waits for: each check that is required, and passes for good when it passed once.
pub(super) fn startup(board: &Board, now: Instant) -> Vec<CheckReport> {
    let required = board.slots.iter().filter(|slot| slot.criticality == Criticality::Required);
    let slots = required.map(|slot| {
        let status = if slot.has_passed() { Status::Pass } else { Status::Fail };
        CheckReport { status, ..CheckReport::of_slot(slot, now) }
    });
    std::iter::once(lifecycle(board, |phase| phase != Phase::Starting)).chain(slots).collect()
}

pub(super) fn liveness(live: &Liveness, now: Instant) -> Vec<CheckReport> {
    let process = CheckReport::own("process", live.broken().map(str::to_owned));
    let runtime = live.stall_limit().map(|_| {
        let stalled = live.stalled(now);
        CheckReport::own("runtime", stalled.map(|late| format!("no task ran for {late:?}")))
    });
    std::iter::once(process).chain(runtime).collect()
}

fn lifecycle(board: &Board, is_fine: impl FnOnce(Phase) -> bool) -> CheckReport {
    let phase = board.stage.phase();
    let error = (!is_fine(phase)).then(|| phase.as_str().to_owned());
    CheckReport::own("lifecycle", error)
}
