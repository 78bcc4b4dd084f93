//! Refusals, and who hears of them.

use std::time::Duration;

use tower_ready_core::{Instant, LocalRejection};
use tower_ready_problem::{
    Problem, ProblemType,
    types::{MALFORMED_REQUEST, QUOTA_EXCEEDED, UNAVAILABLE},
};

use super::{Answered, Refusal, Step};
use crate::{
    KeyHash, Reason,
    event::Event,
    fields::{Item, Lines},
    limiter::Shared,
    rule::Rule,
    store::{Store, StoreError},
};

/// By what our refusals are marked.
pub(crate) const NAME: &str = "ratelimit";

impl<St: Store> Shared<St> {
    #[cold]
    pub(super) fn refuse(&self, set: &Answered<'_>) -> Refusal {
        let mut longest = Some(Duration::ZERO);
        let mut problem = rejection(&QUOTA_EXCEEDED, Reason::Quota);
        for (want, reading) in set.standings().filter(|(_, reading)| !reading.enough) {
            let rule = &self.rules[want.rule];
            let wait = reading.level(set.now, &want.demand()).wait(want.units);
            let wait = wait.map(|wait| rule.strike(want.key, set.now, wait));
            longest = longest.and_then(|longest| wait.map(|wait| wait.max(longest)));
            problem = problem.violated_policy(rule.policy.name.clone());
            self.tell_refused(rule, want.key, wait, Reason::Quota);
        }
        // Of one policy alone the line says all there is to say.
        let whole = (set.wants.len() == 1).then(|| self.policy_line(set)).flatten();
        let problem = match longest {
            Some(wait) => problem.retry_after(wait),
            None => problem
                .detail("it costs more than the quota allows at once, so it never passes")
                .never_retry(),
        };
        Refusal {
            problem,
            lines: self.fields.lines(self.items(set, true), whole),
            decision: self.expose(set, false),
        }
    }

    #[cold]
    pub(super) fn refuse_one(
        &self,
        rule: &Rule,
        key: KeyHash,
        reason: Reason,
        wait: Duration,
    ) -> Refusal {
        self.tell_refused(rule, key, Some(wait), reason);
        let item = rule.permits.as_ref().map(|permits| Item::Permits {
            name: &rule.policy.name,
            each: permits.each(),
            left: 0,
        });
        Refusal {
            problem: rejection(&QUOTA_EXCEEDED, reason)
                .violated_policy(rule.policy.name.clone())
                .retry_after(wait),
            lines: match item {
                Some(item) if reason == Reason::Concurrency => {
                    self.fields.lines(Some(item).into_iter(), None)
                }
                _ => Lines::None,
            },
            decision: self.expose_without_bucket(false),
        }
    }

    #[cold]
    pub(super) fn refuse_unknown(&self, rule: &Rule) -> Refusal {
        rule.counters.refused.add_one();
        self.observer.on_event(&Event::Missing { policy: &rule.policy.name });
        Refusal {
            problem: rejection(&MALFORMED_REQUEST, Reason::Key)
                .detail("the request does not say on whose behalf it comes"),
            lines: Lines::None,
            decision: self.expose_without_bucket(false),
        }
    }

    /// A refusal for a fault of ours is no `429`, which would blame the caller.
    #[cold]
    pub(crate) fn store_failed(&self, error: &StoreError) -> Step<St> {
        self.observer.on_event(&Event::StoreFailed { error });
        Step::Refuse(Refusal {
            problem: rejection(&UNAVAILABLE, Reason::Store).retry_after(Duration::from_secs(1)),
            lines: Lines::None,
            decision: self.expose_without_bucket(false),
        })
    }

    fn tell_refused(&self, rule: &Rule, key: KeyHash, wait: Option<Duration>, reason: Reason) {
        rule.counters.refused.add_one();
        self.observer.on_event(&Event::Refused {
            policy: &rule.policy.name,
            key: key.tag(),
            retry_after: wait,
            reason,
            shadow: false,
        });
    }
}

pub(super) fn rejection(kind: &'static ProblemType, reason: Reason) -> Problem {
    Problem::new(kind).rejected_by(LocalRejection::new(NAME, reason.as_str()))
}

impl Rule {
    /// How long a refused key has to wait: longer, if there is a penalty.
    pub(super) fn strike(&self, key: KeyHash, now: Instant, wait: Duration) -> Duration {
        match &self.penalties {
            Some(penalties) => penalties.strike(key, now, wait),
            None => wait,
        }
    }
}
