//! The slots, and who waits for one.

use tower_ready_core::Instant;

use crate::{
    Priority,
    line::{Entry, Line, Place, Rule, State, Ticket},
    partition::{Groups, Member},
    sync::{
        Arc, AtomicU32, AtomicU64, Mutex, MutexGuard,
        Ordering::{Acquire, Relaxed, Release},
        lock,
    },
};

/// Counts the slots that are taken, and hands them over to whoever waits.
///
/// Who finds a slot free takes it with one compare-and-swap, and gives it back so. The lock is for
/// those that wait, and for giving back while somebody does.
pub(crate) struct Gate {
    word: Padded,
    limit: AtomicU32,
    shares: Shares,
    pub(crate) groups: Option<Groups>,
    queue: Mutex<Line>,
}

/// How many slots are taken, in the lower half, and how many wait, in the upper one. In one word,
/// so that nobody gives a slot back between the look of another and its wait.
#[repr(align(128))]
struct Padded(AtomicU64);

const ONE_TAKEN: u64 = 1;
const ONE_WAITING: u64 = 1 << 32;

const fn taken(word: u64) -> u32 {
    word as u32
}

const fn waiting(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Which part of the limit each priority may fill, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) low: u32,
    pub(crate) normal: u32,
}

impl Shares {
    pub(crate) const ALL: Self = Self { low: 1_000, normal: 1_000 };

    /// At least one, so that no priority starves on an idle service.
    #[inline]
    pub(crate) const fn ceiling(self, limit: u32, priority: Priority) -> u32 {
        let share = match priority {
            Priority::Low => self.low,
            Priority::Normal => self.normal,
            Priority::High => return limit,
        };
        if share == 1_000 {
            return limit;
        }
        let ceiling = (limit as u64 * share as u64 / 1_000) as u32;
        if ceiling == 0 { 1 } else { ceiling }
    }
}

/// What becomes of a call that found no slot.
pub(crate) enum Enqueued {
    /// There was one after all.
    Taken,
    /// It waits.
    Waits(Place),
    /// There is no room to wait.
    Full,
}

impl Gate {
    pub(crate) fn new(limit: u32, shares: Shares, groups: Option<Groups>) -> Self {
        Self {
            word: Padded(AtomicU64::new(0)),
            limit: AtomicU32::new(limit),
            shares,
            groups,
            queue: Mutex::new(Line::new()),
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    pub(crate) fn taken(&self) -> u32 {
        taken(self.word.0.load(Relaxed))
    }

    pub(crate) fn waiting(&self) -> u32 {
        waiting(self.word.0.load(Relaxed))
    }

    fn ceiling(&self, priority: Priority) -> u32 {
        self.shares.ceiling(self.limit(), priority)
    }

    /// Takes a slot, if there is one and nobody waits for it.
    #[inline]
    pub(crate) fn try_take(&self, priority: Priority) -> bool {
        let ceiling = self.ceiling(priority);
        let mut word = self.word.0.load(Relaxed);
        loop {
            if taken(word) >= ceiling || waiting(word) > 0 {
                return false;
            }
            match self.word.0.compare_exchange_weak(word, word + ONE_TAKEN, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
    }

    /// Takes a slot whether or not there is one.
    pub(crate) fn take_anyway(&self) {
        self.word.0.fetch_add(ONE_TAKEN, Acquire);
    }

    /// Gives a slot back.
    #[inline]
    pub(crate) fn give_back(&self) {
        let mut word = self.word.0.load(Relaxed);
        loop {
            if waiting(word) > 0 {
                return self.hand_over();
            }
            match self.word.0.compare_exchange_weak(word, word - ONE_TAKEN, Release, Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
    }

    #[cold]
    fn hand_over(&self) {
        let mut queue = self.lock();
        self.word.0.fetch_sub(ONE_TAKEN, Release);
        let granted = self.grant(&mut queue);
        drop(queue);
        wake(granted);
    }

    /// Sets another limit. More slots go to those that wait; fewer are not taken from anybody.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Relaxed);
        let mut queue = self.lock();
        let granted = self.grant(&mut queue);
        drop(queue);
        wake(granted);
    }

    /// Gives free slots to those that wait, and slots to those whose groups have less than their
    /// shares, and returns whom to wake when the lock is released.
    fn grant(&self, queue: &mut Line) -> Vec<Entry> {
        let mut granted = Vec::new();
        let mut hand = |entry: Entry| {
            self.word.0.fetch_add(ONE_TAKEN, Acquire);
            self.word.0.fetch_sub(ONE_WAITING, Relaxed);
            entry.ticket.set(State::Granted);
            granted.push(entry);
        };
        while let Some(priority) = queue.first_priority() {
            // While somebody waits, nobody takes a slot without this lock.
            if self.taken() >= self.ceiling(priority) {
                break;
            }
            let Some(entry) = queue.pop(Instant::now()) else {
                break;
            };
            if let Some(groups) = &self.groups {
                groups.enter(entry.member);
            }
            hand(entry);
        }
        if let Some(groups) = &self.groups {
            let limit = self.limit();
            let has_share = |member| groups.enter_within_share(member, limit);
            while let Some(entry) = queue.pop_where(Instant::now(), has_share) {
                hand(entry);
            }
        }
        granted
    }

    /// Gets in line, unless there is a slot after all.
    pub(crate) fn enqueue(&self, priority: Priority, member: Member, rule: &Rule) -> Enqueued {
        let now = Instant::now();
        let mut queue = self.lock();
        // Those in line that are as important come first.
        let is_next = queue.first_priority().is_none_or(|first| first < priority);
        if is_next && self.take_locked(priority) {
            return Enqueued::Taken;
        }
        let mut evicted = None;
        if queue.len() >= rule.length {
            evicted = queue.evict_for(priority, now);
            match &evicted {
                Some(entry) => entry.ticket.set(State::Evicted),
                None => return Enqueued::Full,
            }
        }
        let place = queue.push((priority, member), Arc::new(Ticket::new()), now, rule);
        // In place of another, it is counted already: were that one taken off first, whoever gave a
        // slot back between would see nobody wait.
        if evicted.is_none() {
            self.word.0.fetch_add(ONE_WAITING, Acquire);
        }
        // Somebody may have given a slot back since the look above, and have seen nobody wait.
        let granted = self.grant(&mut queue);
        drop(queue);
        wake(granted);
        wake(evicted);
        Enqueued::Waits(place)
    }

    /// Takes a slot for the first in line, with the lock held.
    fn take_locked(&self, priority: Priority) -> bool {
        let ceiling = self.ceiling(priority);
        let mut word = self.word.0.load(Relaxed);
        while taken(word) < ceiling {
            match self.word.0.compare_exchange_weak(word, word + ONE_TAKEN, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
        false
    }

    /// Leaves the line, or gives back the slot that came in the same moment.
    pub(crate) fn leave(&self, place: &Place) -> Left {
        let mut queue = self.lock();
        match place.ticket.get() {
            State::Waiting => {
                let gone = queue.remove(place);
                self.word.0.fetch_sub(ONE_WAITING, Relaxed);
                // Whoever is next may have a higher ceiling to go by.
                let granted = self.grant(&mut queue);
                drop(queue);
                drop(gone);
                wake(granted);
                Left::Line
            }
            State::Granted => Left::WithSlot,
            State::Evicted => Left::Line,
        }
    }

    /// Whom to wake when the slot comes.
    pub(crate) fn wait(&self, place: &Place, waker: &std::task::Waker) -> State {
        let mut queue = self.lock();
        let state = place.ticket.get();
        if state == State::Waiting {
            queue.set_waker(place, waker);
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        lock(&self.queue)
    }
}

/// What somebody who left the line had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// A place in it, or no more even that.
    Line,
    /// A slot, which is its to give back.
    WithSlot,
}

fn wake(entries: impl IntoIterator<Item = Entry>) {
    for entry in entries {
        if let Some(waker) = entry.waker {
            waker.wake();
        }
    }
}

#[cfg(loom)]
#[cfg(test)]
mod explored;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
