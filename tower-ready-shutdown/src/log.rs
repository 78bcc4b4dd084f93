//! What happens, as lines of the log.

use crate::{Ended, Event, How, LeftoverKind, Report};

const TARGET: &str = "tower_ready_shutdown";

pub(crate) fn write(event: &Event<'_>) {
    match event {
        Event::Phase { from, to, cause } => {
            let (from, to) = (from.as_str(), to.as_str());
            let cause = cause.map(tracing::field::display);
            tracing::info!(target: TARGET, from, phase = to, cause, "the process is {to}");
        }
        Event::GateWaits { name, attempt, error } => {
            tracing::warn!(target: TARGET, gate = name, attempt, error, "not ready yet");
        }
        Event::GateLost { name } => tracing::error!(
            target: TARGET,
            gate = name,
            "a gate was dropped without being opened: the process will never be ready"
        ),
        Event::Waiting { phase, in_flight, connections, name, left } => tracing::info!(
            target: TARGET,
            phase = phase.as_str(),
            in_flight,
            connections,
            waits_for = name,
            "{} s left",
            left.as_secs()
        ),
        Event::Ended { ended } => write_ended(ended),
        Event::Over { report } => write_report(report),
    }
}

fn write_ended(ended: &Ended) {
    let (name, took_ms) = (&ended.name, ended.took.as_millis() as u64);
    if ended.how == How::Done {
        tracing::debug!(target: TARGET, name, took_ms, "{ended}");
    } else {
        tracing::error!(target: TARGET, name, took_ms, "{ended}");
    }
}

fn write_report(report: &Report) {
    for leftover in report.leftovers() {
        let request_id = leftover.request_id.as_deref();
        if leftover.kind == LeftoverKind::Connection {
            tracing::info!(target: TARGET, "{leftover}");
        } else {
            tracing::warn!(target: TARGET, request_id, "{leftover}");
        }
    }
    let took_ms = report.took().as_millis() as u64;
    if report.is_clean() {
        tracing::info!(target: TARGET, took_ms, "left, and nothing was cut");
    } else {
        let (work_cut, error) = (report.work_cut(), report.server_error());
        tracing::error!(target: TARGET, took_ms, work_cut, error, "left, and not all was done");
    }
}
