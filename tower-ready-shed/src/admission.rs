//! Whether a request is served, and what is learnt of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tower_ready_core::{Deadline, Head, Instant, LocalRejection};
use tower_ready_problem::{Caller, Problem, ProblemType};

use crate::{
    Event, OnShed, Priority, Reason,
    adaptive::Learner,
    cpu::CpuGate,
    gate::{Enqueued, Gate},
    jitter::Jitter,
    line::Rule,
    partition::Member,
    permit::Permit,
    stats::Counters,
    wait::Wait,
};

pub(crate) type Predicate = Box<dyn Fn(&Head<'_>) -> bool + Send + Sync>;
pub(crate) type Choice = Box<dyn Fn(&Head<'_>) -> Priority + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) gate: Gate,
    pub(crate) learner: Option<Box<Learner>>,
    pub(crate) cpu: Option<Box<CpuGate>>,
    pub(crate) exempt: Vec<Predicate>,
    pub(crate) never_shed: Predicate,
    pub(crate) priority: Option<Choice>,
    pub(crate) rule: Option<Rule>,
    pub(crate) problem: &'static ProblemType,
    pub(crate) retry_after: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) counters: Counters,
    pub(crate) observer: Box<dyn OnShed>,
}

/// What becomes of a request.
pub(crate) enum Decision {
    /// It is not counted.
    Exempt,
    /// It has a slot.
    Admitted(Permit),
    /// It waits for one.
    Waits(Wait),
    /// It is turned away.
    Refused(Refusal),
}

/// Why a request is turned away, and what it was.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) priority: Priority,
    pub(crate) member: Member,
}

impl Inner {
    #[inline]
    pub(crate) fn decide(self: &Arc<Self>, head: &Head<'_>) -> Decision {
        if self.exempt.iter().any(|exempt| exempt(head)) {
            return Decision::Exempt;
        }
        let priority = match &self.priority {
            Some(choose) => choose(head),
            None => Priority::Normal,
        };
        let member = match &self.gate.groups {
            Some(groups) => groups.of(head),
            None => Member::NONE,
        };
        if let Some(cpu) = &self.cpu
            && cpu.sheds(priority, Instant::now())
        {
            return self.spare(head, priority, member);
        }
        if self.gate.try_take(priority) {
            return Decision::Admitted(Permit::new(Arc::clone(self), member));
        }
        self.full(head, priority, member)
    }

    /// The processors have too much to do.
    #[cold]
    fn spare(self: &Arc<Self>, head: &Head<'_>, priority: Priority, member: Member) -> Decision {
        if (self.never_shed)(head) {
            return self.admit_anyway(member);
        }
        Decision::Refused(Refusal { reason: Reason::Cpu, priority, member })
    }

    fn admit_anyway(self: &Arc<Self>, member: Member) -> Decision {
        self.gate.take_anyway();
        Decision::Admitted(Permit::new(Arc::clone(self), member))
    }

    #[cold]
    fn full(self: &Arc<Self>, head: &Head<'_>, priority: Priority, member: Member) -> Decision {
        if self.has_moved() && self.gate.try_take(priority) {
            return Decision::Admitted(Permit::new(Arc::clone(self), member));
        }
        if let Some(groups) = &self.gate.groups
            && groups.enter_within_share(member, self.gate.limit())
        {
            self.gate.take_anyway();
            return Decision::Admitted(Permit::of_member(Arc::clone(self), member));
        }
        if (self.never_shed)(head) {
            return self.admit_anyway(member);
        }
        let refused = |reason| Decision::Refused(Refusal { reason, priority, member });
        let Some(rule) = &self.rule else {
            return refused(Reason::Full);
        };
        // Whoever is gone before a slot can come only keeps others from it.
        let left = Deadline::of(head.extensions()).map(|it| it.remaining(Instant::now()));
        if left == Some(Duration::ZERO) {
            return refused(Reason::Waited);
        }
        match self.gate.enqueue(priority, member, rule) {
            Enqueued::Taken => Decision::Admitted(Permit::new(Arc::clone(self), member)),
            Enqueued::Waits(place) => {
                Decision::Waits(Wait::new(Arc::clone(self), place, (priority, member), left))
            }
            Enqueued::Full => refused(Reason::Full),
        }
    }

    /// Learns from a call that took so long, and moves the limit if it is time to.
    #[inline]
    pub(crate) fn learn(&self, began: Instant, now: Instant) {
        if let Some(learner) = &self.learner {
            let limit = learner.learn(began, now, &self.gate, || self.jitter.unit());
            if let Some(limit) = limit {
                self.adjusted(limit);
            }
        }
    }

    /// Whether it was time to move the limit.
    ///
    /// As a rule answers see to that. But while all slots are held for long, none comes: then those
    /// who find no slot have to see that a measurement, which lets in but a few, is over.
    fn has_moved(&self) -> bool {
        let Some(learner) = &self.learner else {
            return false;
        };
        let limit = learner.reconsider(Instant::now(), &self.gate, || self.jitter.unit());
        limit.inspect(|limit| self.adjusted(*limit)).is_some()
    }

    /// The same from a call that was given up.
    #[cold]
    pub(crate) fn learn_of_abandoned(&self, began: Instant, now: Instant) {
        if let Some(learner) = &self.learner
            && learner.is_slow(began, now)
        {
            self.learn(began, now);
        }
    }

    #[cold]
    fn adjusted(&self, limit: u32) {
        self.observer.on_event(&Event::Adjusted { limit: limit as usize });
    }

    /// The answer to a request that is turned away.
    #[cold]
    pub(crate) fn refuse<B>(
        &self,
        request: &Request<B>,
        Refusal { reason, priority, member }: Refusal,
    ) -> Response<Bytes> {
        let caller = Caller::of(request);
        self.counters.refused(reason);
        self.observer.on_event(&Event::Refused {
            reason,
            priority,
            protocol: caller.protocol(),
            path: caller.path(),
            partition: self.gate.groups.as_ref().and_then(|groups| groups.name(member)),
            in_flight: self.gate.taken() as usize,
            limit: self.gate.limit() as usize,
        });
        Problem::new(self.problem)
            .retry_after(self.jitter.around(self.retry_after))
            .rejected_by(LocalRejection::new("shed", reason.as_str()))
            .answer(&caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bulkhead;

    /// Processors that have too much to do turn away, but for what matters most.
    #[test]
    fn busy_processors_turn_away_whatever_the_limit_says() {
        let builder = Bulkhead::builder().priority(|head| match head.uri().path() {
            "/pay" => Priority::High,
            _ => Priority::Normal,
        });
        let mut bulkhead = builder.build().unwrap();
        let inner = Arc::get_mut(&mut bulkhead.0).unwrap();
        inner.cpu = Some(Box::new(CpuGate::of(1.0)));
        for (path, is_served) in [("/orders", false), ("/pay", true), ("/livez", true)] {
            let request = Request::get(path).body(()).unwrap();
            let decision = bulkhead.0.decide(&Head::of(&request));
            assert_eq!(matches!(decision, Decision::Admitted(_)), is_served, "{path}");
            if let Decision::Refused(refusal) = decision {
                let answer = bulkhead.0.refuse(&request, refusal);
                let mark = answer.extensions().get().copied();
                assert_eq!(mark, Some(LocalRejection::new("shed", "cpu")));
            }
        }
        assert_eq!((bulkhead.in_flight(), bulkhead.stats().cpu), (0, 1));
        assert!(bulkhead.cpu_share() > 0.99);
    }
}
