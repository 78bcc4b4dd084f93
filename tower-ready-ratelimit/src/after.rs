//! What is left to do when an exchange ends: permits, refunds, settlements.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use http::{Extensions, Response};
use tower_ready_core::{End, Guard, Instant};

use crate::{
    Answer, KeyHash, Quota, Usage,
    limiter::Shared,
    permits::Permit,
    policy::Settle,
    store::{Change, Demand, Store},
};

/// What is left to do for one request. Boxed, and only made for policies that leave something.
pub(crate) struct After<St: Store> {
    limiter: Shared<St>,
    /// With the rules that gave them.
    permits: Vec<(usize, Permit)>,
    reserved: Vec<Reserved>,
    usage: Option<Usage>,
    bytes: u64,
    answer: Option<Answer>,
}

/// What an exchange holds until it ends, if one of its policies waits for that.
///
/// It is without the store's type, so that bodies are easy to name. There is nothing to call.
pub struct Ending(Box<dyn Exchange>);

trait Exchange: Send + Sync {
    fn head(&mut self, answer: Option<Answer>);
    fn data(&mut self, bytes: usize);
    fn end(self: Box<Self>, end: &End<'_>);
}

/// Units that were taken for now.
struct Reserved {
    rule: usize,
    key: KeyHash,
    quota: Quota,
    units: u64,
}

impl<St: Store> After<St> {
    pub(crate) const fn new(limiter: Shared<St>) -> Self {
        Self {
            limiter,
            permits: Vec::new(),
            reserved: Vec::new(),
            usage: None,
            bytes: 0,
            answer: None,
        }
    }

    pub(crate) fn hold(&mut self, rule: usize, permit: Permit) {
        self.permits.push((rule, permit));
    }

    /// The rules whose permits are held.
    pub(crate) fn permitted(&self) -> impl Iterator<Item = usize> {
        self.permits.iter().map(|(rule, _)| *rule)
    }

    /// Remembers what was taken, for a policy that may put some of it back.
    pub(crate) fn reserve(&mut self, rule: usize, demand: &Demand<'_>) {
        if self.limiter.rules[rule].policy.settle == Some(Settle::Usage) {
            self.usage.get_or_insert_default();
        }
        self.reserved.push(Reserved {
            rule,
            key: demand.key,
            quota: *demand.quota,
            units: demand.units,
        });
    }

    /// Puts what the handler tells its cost by into the extensions of its request: the same for all
    /// limiters around it.
    pub(crate) fn ask_usage(&mut self, extensions: &mut Extensions) {
        if let Some(usage) = &mut self.usage {
            match extensions.get::<Usage>() {
                Some(outer) => *usage = outer.clone(),
                None => drop(extensions.insert(usage.clone())),
            }
        }
    }

    pub(crate) fn ending(self: Box<Self>) -> Ending {
        Ending(self)
    }
}

impl<St: Store> Exchange for After<St> {
    fn head(&mut self, answer: Option<Answer>) {
        self.answer = answer;
    }

    fn data(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    fn end(mut self: Box<Self>, end: &End<'_>) {
        self.answer = self.answer.or_else(|| Answer::of_end(end));
        self.settle(matches!(end, End::Dropped));
    }
}

impl Guard for Ending {
    fn head<B>(&mut self, response: &mut Response<B>) {
        self.0.head(Answer::of_head(response));
    }

    fn data(&mut self, data: &Bytes) {
        self.0.data(data.len());
    }

    fn end(self, end: End<'_>) {
        self.0.end(&end);
    }
}

impl<St: Store> After<St> {
    /// Puts back or charges what the reservations and the true prices differ by.
    fn settle(&self, has_left: bool) {
        let now = Instant::now();
        for reserved in &self.reserved {
            let policy = &self.limiter.rules[reserved.rule].policy;
            // Whoever left before the answer pays in full.
            let counted = match (&policy.counts, &self.answer) {
                // This may run while a panic unwinds, and a second one would end the process.
                (Some(counts), Some(answer)) => {
                    catch_unwind(AssertUnwindSafe(|| counts(answer))).unwrap_or(true)
                }
                _ => true,
            };
            let price = match policy.settle {
                _ if !counted => 0,
                None => reserved.units,
                Some(Settle::Bytes) => self.bytes,
                Some(Settle::Usage) => match self.usage.as_ref().map_or(0, Usage::get) {
                    // Nobody has told yet. Else whoever leaves early would pay nothing.
                    0 if has_left => reserved.units,
                    usage => usage,
                },
            };
            let (change, units) = if price > reserved.units {
                (Change::Charge, price - reserved.units)
            } else {
                (Change::Refund, reserved.units - price)
            };
            if units > 0 {
                let Reserved { key, quota, .. } = reserved;
                let demand = Demand { debt: policy.debt, ..Demand::new(*key, quota).units(units) };
                self.limiter.store.adjust(now, &demand, change);
            }
        }
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ending(..)")
    }
}
