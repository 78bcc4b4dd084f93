//! What follows from the answer of a store.

use std::iter;

use http::HeaderValue;

use super::{Answered, Pass, Step, Want};
use crate::{
    Decision, Fields,
    after::After,
    decision::Standing,
    fields::{Item, Lines},
    limiter::Shared,
    store::{Reading, Store},
};

impl<St: Store> Shared<St> {
    #[inline]
    pub(crate) fn conclude(
        &self,
        set: &Answered<'_>,
        taken: bool,
        mut after: Option<Box<After<St>>>,
    ) -> Step<St> {
        if !taken {
            return Step::Refuse(self.refuse(set));
        }
        for rule in after.iter().flat_map(|after| after.permitted()) {
            self.rules[rule].counters.allowed.add_one();
        }
        for want in set.wants {
            self.admit(want, &mut after);
        }
        Step::Pass(Pass {
            lines: match self.fields {
                Fields::None => Lines::None,
                fields => fields.lines(self.items(set, false), self.policy_line(set)),
            },
            after,
            decision: self.expose(set, true),
        })
    }

    /// Counts a request that passes, and remembers what its answer may change.
    #[inline]
    pub(super) fn admit(&self, want: &Want, after: &mut Option<Box<After<St>>>) {
        let rule = &self.rules[want.rule];
        rule.counters.allowed.add_one();
        if rule.policy.counts.is_some() || rule.policy.settle.is_some() {
            self.after(after).reserve(want.rule, &want.demand());
        }
    }

    pub(super) fn after<'a>(&self, after: &'a mut Option<Box<After<St>>>) -> &'a mut After<St> {
        after.get_or_insert_with(|| Box::new(After::new(self.clone())))
    }

    /// The line that was written when the limiter was built, if it is still right.
    pub(super) fn policy_line(&self, set: &Answered<'_>) -> Option<&HeaderValue> {
        let line = self.policy_line.as_ref()?;
        let same = |want: &Want| self.rules[want.rule].original == Some(want.quota);
        (set.wants.len() == self.rules.len() && set.wants.iter().all(same)).then_some(line)
    }

    /// What the fields say; of a refusal only the policies that were violated, so that no other
    /// points further into the future than `Retry-After`.
    pub(super) fn items<'a>(
        &'a self,
        set: &'a Answered<'a>,
        refused: bool,
    ) -> impl Iterator<Item = Item<'a>> + Clone {
        let told = set.standings().filter(move |(_, reading)| !(refused && reading.enough));
        told.map(move |(want, reading)| {
            let level = reading.level(set.now, &want.demand());
            let wait = (!reading.enough).then(|| level.wait(want.units));
            Item::Rate { name: &self.rules[want.rule].policy.name, refused: wait.flatten(), level }
        })
    }

    pub(super) fn expose(&self, set: &Answered<'_>, passed: bool) -> Option<Box<Decision>> {
        self.exposes.then(|| {
            let standing = |(want, reading): (&Want, &Reading)| Standing {
                policy: self.rules[want.rule].policy.name.clone(),
                level: reading.level(set.now, &want.demand()),
                enough: reading.enough,
            };
            Box::new(Decision::new(set.standings().map(standing), passed))
        })
    }

    pub(super) fn expose_without_bucket(&self, passed: bool) -> Option<Box<Decision>> {
        self.exposes.then(|| Box::new(Decision::new(iter::empty(), passed)))
    }
}
