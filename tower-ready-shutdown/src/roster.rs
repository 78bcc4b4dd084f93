use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Who is here: entries that come and go on all threads, to be listed now and then.
///
/// A few locks of their own for a few parts, so that threads seldom meet. Places are used again, so
/// that nothing is allocated once the roster has seen its busiest moment.
#[derive(Debug)]
pub(crate) struct Roster<T> {
    shards: [Mutex<Shard<T>>; SHARDS],
    state: RandomState,
}

/// Where somebody is, until [`Roster::leave`].
#[derive(Debug)]
pub(crate) struct Place {
    shard: usize,
    index: usize,
}

#[derive(Debug)]
struct Shard<T> {
    entries: Vec<Option<Arc<T>>>,
    free: Vec<usize>,
}

const SHARDS: usize = 8;

impl<T> Roster<T> {
    pub(crate) fn new() -> Self {
        let shard = || Mutex::new(Shard { entries: Vec::new(), free: Vec::new() });
        Self { shards: std::array::from_fn(|_| shard()), state: RandomState::new() }
    }

    pub(crate) fn join(&self, entry: Arc<T>) -> Place {
        // Entries are allocations of their own, so that their addresses are as good as random.
        let number = (self.state.hash_one(Arc::as_ptr(&entry)) as usize) % SHARDS;
        let mut shard = self.shard(number);
        let index = shard.free.pop().unwrap_or_else(|| {
            shard.entries.push(None);
            shard.entries.len() - 1
        });
        shard.entries[index] = Some(entry);
        Place { shard: number, index }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a place is left once")]
    pub(crate) fn leave(&self, place: Place) {
        let mut shard = self.shard(place.shard);
        shard.entries[place.index] = None;
        shard.free.push(place.index);
    }

    /// Everybody who is here.
    pub(crate) fn list(&self) -> Vec<Arc<T>> {
        let mut all = Vec::new();
        for number in 0..SHARDS {
            all.extend(self.shard(number).entries.iter().flatten().cloned());
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        (0..SHARDS)
            .map(|number| {
                let shard = self.shard(number);
                shard.entries.len() - shard.free.len()
            })
            .sum()
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard<T>> {
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever comes and goes, the list is that of those who are here.
        #[test]
        fn the_list_is_of_those_who_are_here(steps in prop::collection::vec(any::<Option<u8>>(), 0..200)) {
            let roster = Roster::new();
            let mut here: Vec<(u32, Place)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Some(who) if !here.is_empty() => {
                        let who = usize::from(who) % here.len();
                        roster.leave(here.swap_remove(who).1);
                    }
                    _ => {
                        let number = number as u32;
                        here.push((number, roster.join(Arc::new(number))));
                    }
                }
                let mut listed: Vec<_> = roster.list().iter().map(|entry| **entry).collect();
                let mut expected: Vec<_> = here.iter().map(|(number, _)| *number).collect();
                listed.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(listed, expected);
                prop_assert_eq!(roster.len(), here.len());
            }
        }
    }
}
