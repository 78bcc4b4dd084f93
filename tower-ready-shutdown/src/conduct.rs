//! The way through the phases of an end.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    Event, Leftover, LeftoverKind, Lifecycle, Phase, Report, Stage, connection::Connection,
    connection::Ending, connection::Since, inner::Inner, inner::lock, plan::Plan, ramp,
    report::LISTED,
};

/// How often it is looked whether something is still there. Requests could tell when they end, but
/// each of them would have to look whether somebody wants to know.
const TICK: Duration = Duration::from_millis(10);

/// How often it is said what is waited for.
const PROGRESS: Duration = Duration::from_secs(5);

/// How long whatever was cut may take to notice.
const NOTICE: Duration = Duration::from_millis(250);

/// Waits for the end to be asked for, and leads to it.
pub(crate) async fn conduct(lifecycle: Lifecycle) -> Report {
    let inner = &*lifecycle.0;
    let mut phases = lifecycle.phases();
    loop {
        phases.until(Phase::is_leaving).await;
        if lame_duck(inner).await {
            break;
        }
    }
    let mut end = End { inner, stages: Vec::new(), progress: Instant::now() + PROGRESS };
    end.stages.push(Stage { phase: Phase::Draining, after: Duration::ZERO, ..end.stage() });
    end.enter(Phase::Closing);
    let mut report = Report::default();
    if !end.close().await {
        end.cut(&mut report).await;
    }
    end.enter(Phase::Stopping);
    end.stop(&mut report).await;
    let over = if report.is_clean() { Phase::Stopped } else { Phase::Forced };
    end.enter(over);
    report.cause = inner.leave().map(|leave| leave.cause);
    report.took = end.plan().began.elapsed();
    report.stages = end.stages;
    inner.tell(&Event::Over { report: &report });
    report
}

/// Serves on for a while. Not, if the end was taken back.
async fn lame_duck(inner: &Inner) -> bool {
    let mut progress = Instant::now() + PROGRESS;
    while let Some(leave) = inner.leave() {
        let now = Instant::now();
        if now >= leave.plan.closing {
            return true;
        }
        if now >= progress {
            progress += PROGRESS;
            tell(inner, Phase::Draining, &leave.plan, None);
        }
        let ramp = ramp::length(leave.plan.closing - leave.plan.began);
        let mut next = leave.plan.began + ramp;
        if now >= next {
            tell_to_go(inner, ramp::share(now - next, ramp::after(ramp) / 2));
            next = now + TICK;
        }
        tokio::select! {
            () = sleep_until(leave.plan.closing.min(progress).min(next)) => {}
            () = inner.replanned.notified() => {}
        }
    }
    false
}

/// Tells clients of HTTP/2 whose host does not before it closes. Balancers that ask for health have
/// left by now, and do not send a call in the same moment; all are told when half of the time is over
/// that is left, and new ones at once.
fn tell_to_go(inner: &Inner, share: f64) {
    for connection in inner.connections.list() {
        if connection.waits_for_us() && ramp::chance() < share {
            connection.tell_to_go();
        }
    }
}

struct End<'a> {
    inner: &'a Inner,
    stages: Vec<Stage>,
    progress: Instant,
}

impl End<'_> {
    fn plan(&self) -> Plan {
        match self.inner.leave() {
            Some(leave) => leave.plan,
            // It cannot be taken back any more; and if it were, then all is to end now.
            None => Plan::new(Instant::now(), &self.inner.timings, Duration::ZERO),
        }
    }

    fn stage(&self) -> Stage {
        Stage {
            phase: *self.inner.phases.borrow(),
            after: self.plan().began.elapsed(),
            in_flight: self.inner.in_flight(),
            connections: self.inner.connections.len(),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.inner.enter(phase, |_| true);
        self.stages.push(self.stage());
    }

    /// Waits until nothing is left. Whether that came in time.
    async fn close(&mut self) -> bool {
        let timings = &self.inner.timings;
        let lingers = Instant::now() + timings.linger;
        let straggles = lingers + timings.straggler;
        let mut idle = Since::default();
        loop {
            let (now, plan) = (Instant::now(), self.plan());
            if self.inner.is_quiet() {
                self.inner.host.send_replace(true);
                return true;
            }
            if now >= plan.stop {
                self.inner.host.send_replace(true);
                return false;
            }
            if now >= lingers {
                let connections = self.inner.connections.list();
                self.close_idle(&connections, &mut idle, now);
                if now >= straggles || self.may_shut(&connections) {
                    self.inner.host.send_replace(true);
                }
            }
            self.tick(now, &plan, None).await;
        }
    }

    /// Whether hosts lose no request that is on its way if they close what is idle.
    fn may_shut(&self, connections: &[Arc<Connection>]) -> bool {
        for connection in connections {
            connection.ask();
        }
        self.inner.listeners.load(Ordering::SeqCst) == 0
            && connections.iter().all(|connection| connection.may_be_closed())
    }

    /// Closes those that nobody else will: those that are silent since they came, and those that a
    /// host has not closed while nothing was in flight on them.
    fn close_idle(&self, connections: &[Arc<Connection>], idle: &mut Since, now: Instant) {
        let nothing =
            self.inner.traffic.counted.load(Ordering::Relaxed) && self.inner.in_flight() == 0;
        let straggler = self.inner.timings.straggler;
        for (connection, age) in idle.look(connections, now, |one| one.is_idle(nothing)) {
            if connection.is_silent() || connection.is_kept_alive() {
                // It may have come from the queue just now.
                if connection.age() >= self.inner.timings.linger {
                    connection.end(Ending::IfIdle);
                }
            } else if age >= straggler {
                connection.end(Ending::Now);
            }
        }
    }

    /// Lists what is still there, and ends it.
    async fn cut(&mut self, report: &mut Report) {
        let requests = self.inner.requests.list();
        let in_flight = self.inner.in_flight();
        let connections = self.inner.connections.list();
        let upgraded = connections.iter().filter(|connection| connection.is_upgraded()).count();
        report.work_cut = in_flight + upgraded;
        let mut all: Vec<Leftover> = requests.iter().map(|request| request.leftover()).collect();
        // A request that is described needs no connection to be listed.
        let described = !all.is_empty();
        all.extend(connections.iter().filter_map(|connection| connection.leftover(described)));
        all.sort_by_key(|leftover| leftover.kind == LeftoverKind::Connection);
        let listed = all.iter().filter(|leftover| leftover.kind == LeftoverKind::Request).count();
        report.unlisted = all.len().saturating_sub(LISTED) + in_flight.saturating_sub(listed);
        all.truncate(LISTED);
        report.leftovers = all;
        for connection in &connections {
            connection.end(Ending::Now);
        }
        drop((requests, connections));
        // Most of what is left is for tasks and hooks.
        let left = self.plan().end.saturating_duration_since(Instant::now());
        let deadline = Instant::now() + NOTICE.min(left / 4);
        while !self.is_cut() && Instant::now() < deadline {
            sleep_until(deadline.min(Instant::now() + TICK)).await;
        }
    }

    /// Whether all that was cut has noticed. A server may not, and is dropped.
    fn is_cut(&self) -> bool {
        self.inner.in_flight() == 0 && self.inner.connections.len() == 0
    }

    /// Ends the tasks and hooks, the latest first.
    async fn stop(&mut self, report: &mut Report) {
        loop {
            let Some(slot) = lock(&self.inner.work).pop() else { break };
            let Some(work) = lock(&slot).take() else { continue };
            let mut ending = work.end();
            let ended = loop {
                let (now, plan) = (Instant::now(), self.plan());
                let name = ending.name.clone();
                tokio::select! {
                    biased;
                    ended = ending.over() => break ended,
                    () = self.tick(now, &plan, Some(&name)) => {}
                }
                // Looked at afterwards, so that each is at least begun, however late it is.
                if ending.is_begun() && Instant::now() >= self.plan().end.min(ending.due) {
                    break ending.give_up();
                }
            };
            self.inner.tell(&Event::Ended { ended: &ended });
            report.ended.push(ended);
        }
    }

    async fn tick(&mut self, now: Instant, plan: &Plan, name: Option<&str>) {
        if now >= self.progress {
            self.progress += PROGRESS;
            tell(self.inner, *self.inner.phases.borrow(), plan, name);
        }
        tokio::select! {
            () = sleep_until(now + TICK) => {}
            () = self.inner.replanned.notified() => {}
        }
    }
}

fn tell(inner: &Inner, phase: Phase, plan: &Plan, name: Option<&str>) {
    inner.tell(&Event::Waiting {
        phase,
        in_flight: inner.in_flight(),
        connections: inner.connections.len(),
        name,
        left: plan.end.saturating_duration_since(Instant::now()),
    });
}
