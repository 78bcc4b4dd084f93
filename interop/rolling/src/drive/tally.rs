//! What was seen.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::cell::Cell;

/// Shared by all callers of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) is_over: AtomicBool,
    sent: AtomicUsize,
    again: AtomicUsize,
    times: Mutex<Vec<u32>>,
    losses: Mutex<BTreeMap<String, usize>>,
}

/// A run, when it is over.
#[derive(Debug)]
pub(super) struct Seen {
    sent: usize,
    again: usize,
    restarts: usize,
    /// How many of the instances said that they cut something, or did not end.
    bad_ends: usize,
    losses: BTreeMap<String, usize>,
    /// In microseconds, sorted.
    times: Vec<u32>,
}

pub(super) const HEADER: &str = "\
| server | in front | requests | restarts | lost | unbegun | p50 | p99 | longest |
|---|---|---|---|---|---|---|---|---|";

impl Tally {
    /// One request came to an end, in so much time, with what went wrong.
    pub(super) fn note(&self, took: Duration, outcome: Result<(), String>) {
        self.sent.fetch_add(1, Relaxed);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
        if let Err(reason) = outcome {
            let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
            *losses.entry(reason).or_default() += 1;
        }
    }

    /// One call was refused by a server that says it never looked at it, so that it may be sent
    /// again (RFC 9113 §6.8), as clients of gRPC do by themselves.
    pub(super) fn note_again(&self) {
        self.again.fetch_add(1, Relaxed);
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.load(Relaxed)
    }

    pub(super) fn seen(&self, restarts: usize, bad_ends: usize) -> Seen {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner).clone();
        times.sort_unstable();
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let again = self.again.load(Relaxed);
        Seen { sent: self.sent(), again, restarts, bad_ends, losses, times }
    }
}

impl Seen {
    fn lost(&self) -> usize {
        self.losses.values().sum()
    }

    /// A peer is measured, and not judged.
    pub(super) fn is_good(&self, cell: &Cell) -> bool {
        !cell.is_ours || (self.lost() == 0 && self.bad_ends == 0 && self.sent >= cell.requests)
    }

    pub(super) fn verdict(&self, cell: &Cell) -> String {
        let (name, sent) = (cell.name(), self.sent);
        let mut line = match (cell.is_ours, self.is_good(cell)) {
            (false, _) => format!("measured {name}: lost {} of {sent}", self.lost()),
            (true, true) => format!("ok {name}: {sent} requests, {} restarts", self.restarts),
            (true, false) => format!("FAILED {name}: lost {} of {sent}", self.lost()),
        };
        if self.sent < cell.requests && cell.is_ours {
            let _ = write!(line, ", fewer than {}", cell.requests);
        }
        if self.bad_ends > 0 {
            let _ = write!(line, ", {} instances did not end well", self.bad_ends);
        }
        if self.again > 0 {
            let _ = write!(line, ", {} refused unbegun", self.again);
        }
        for (reason, count) in &self.losses {
            let _ = write!(line, "; {count} x {reason}");
        }
        line
    }

    pub(super) fn row(&self, cell: &Cell) -> String {
        let (server, front) = (cell.server, cell.front.name());
        let (sent, restarts, lost, again) = (self.sent, self.restarts, self.lost(), self.again);
        let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| self.time(share));
        format!(
            "| {server} | {front} | {sent} | {restarts} | {lost} | {again} | {p50} | {p99} | {longest} |"
        )
    }

    fn time(&self, share: f64) -> String {
        let last = self.times.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        let micros = self.times.get(at).copied().unwrap_or_default();
        format!("{} ms", f64::from(micros / 100) / 10.0)
    }
}
