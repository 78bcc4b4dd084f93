//! The line of those that wait for a slot.

use std::{collections::BTreeMap, task::Waker, time::Duration};

use tower_ready_core::Instant;

use crate::{
    Priority,
    partition::Member,
    sync::{Arc, AtomicU8, Ordering::Relaxed},
};

/// How to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// How many may wait.
    pub(crate) length: usize,
    /// How long each may wait.
    pub(crate) max_wait: Duration,
    /// How long the line may stand before it is taken for an overload.
    pub(crate) standing: Duration,
    /// How long each may wait then.
    pub(crate) short_wait: Duration,
}

/// Those that wait, the most important first, and among equals the oldest first.
///
/// A line that is never empty is no buffer for a burst any more: it adds its length to the time of
/// every answer. So when it has stood for a while, the newest goes first, whose caller is most
/// likely to be there still, and all others wait for a short time only.
pub(crate) struct Line {
    waiting: BTreeMap<Key, Entry>,
    next: u64,
    /// Since when it is not empty, and how long it may be so.
    standing: Option<(Instant, Duration)>,
}

/// The priority, and how many came before.
type Key = (Priority, u64);

/// One that waits.
pub(crate) struct Entry {
    pub(crate) waker: Option<Waker>,
    pub(crate) member: Member,
    pub(crate) ticket: Arc<Ticket>,
}

/// What the one that waits keeps.
pub(crate) struct Place {
    key: Key,
    pub(crate) ticket: Arc<Ticket>,
    /// How long it may wait.
    pub(crate) time: Duration,
}

/// What has become of one that waits. It changes under the lock of the line alone.
pub(crate) struct Ticket(AtomicU8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Granted,
    /// Somebody more important, or under overload newer, has its place.
    Evicted,
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: 0, standing: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn first_priority(&self) -> Option<Priority> {
        self.waiting.last_key_value().map(|(key, _)| key.0)
    }

    fn is_overloaded(&self, now: Instant) -> bool {
        self.standing.is_some_and(|(since, time)| now.since(since) > time)
    }

    pub(crate) fn push(
        &mut self,
        (priority, member): (Priority, Member),
        ticket: Arc<Ticket>,
        now: Instant,
        rule: &Rule,
    ) -> Place {
        let time = if self.is_overloaded(now) { rule.short_wait } else { rule.max_wait };
        self.standing.get_or_insert((now, rule.standing));
        let key = (priority, self.next);
        self.next += 1;
        let entry = Entry { waker: None, member, ticket: Arc::clone(&ticket) };
        self.waiting.insert(key, entry);
        Place { key, ticket, time }
    }

    /// Whose turn it is.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Entry> {
        let (newest, _) = self.waiting.last_key_value()?;
        let key = if self.is_overloaded(now) {
            *newest
        } else {
            *self.waiting.range((newest.0, 0)..).next()?.0
        };
        self.take(key)
    }

    /// The first of those for whose group this holds.
    pub(crate) fn pop_where(
        &mut self,
        now: Instant,
        mut holds: impl FnMut(Member) -> bool,
    ) -> Option<Entry> {
        let mut found = |(key, entry): (&Key, &Entry)| holds(entry.member).then_some(*key);
        let is_overloaded = self.is_overloaded(now);
        let key = [Priority::High, Priority::Normal, Priority::Low].into_iter().find_map(|it| {
            let mut equals = self.waiting.range((it, 0)..=(it, u64::MAX));
            if is_overloaded {
                equals.rev().find_map(&mut found)
            } else {
                equals.find_map(&mut found)
            }
        })?;
        self.take(key)
    }

    /// Who has to go when one of this priority comes and there is no room: the oldest of the least
    /// important, if that is less important than the new one, or as important under overload. The
    /// new one takes its place, so the line stands on even if it was the only one.
    pub(crate) fn evict_for(&mut self, priority: Priority, now: Instant) -> Option<Entry> {
        let (&last, _) = self.waiting.first_key_value()?;
        let yields = last.0 < priority || (last.0 == priority && self.is_overloaded(now));
        yields.then(|| self.waiting.remove(&last)).flatten()
    }

    pub(crate) fn remove(&mut self, place: &Place) -> Option<Entry> {
        self.take(place.key)
    }

    pub(crate) fn set_waker(&mut self, place: &Place, waker: &Waker) {
        if let Some(entry) = self.waiting.get_mut(&place.key) {
            match &mut entry.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    fn take(&mut self, key: Key) -> Option<Entry> {
        let entry = self.waiting.remove(&key);
        if self.waiting.is_empty() {
            self.standing = None;
        }
        entry
    }
}

impl Ticket {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(State::Waiting as u8))
    }

    pub(crate) fn get(&self) -> State {
        match self.0.load(Relaxed) {
            0 => State::Waiting,
            1 => State::Granted,
            _ => State::Evicted,
        }
    }

    pub(crate) fn set(&self, state: State) {
        self.0.store(state as u8, Relaxed);
    }
}
