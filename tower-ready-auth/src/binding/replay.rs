use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use crate::{Lookup, StoreError, time::Millis};

/// Remembers what must come only once.
pub trait ReplayStore: Send + Sync + 'static {
    /// Whether this comes for the first time; it is remembered until then. Of two that come at the
    /// same time, one is the first.
    fn is_first(&self, id: [u8; 32], until: SystemTime) -> Lookup<Result<bool, StoreError>>;
}

/// In memory, for one instance. A cheap handle.
///
/// It keeps a million at most. When they are all of the last minutes, the next one is an error, and
/// not taken for the first.
#[derive(Clone, Default)]
pub struct ReplayList(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    until: HashMap<[u8; 32], Millis>,
    /// How long the list was after the last sweep.
    swept: usize,
}

const MOST: usize = 1_000_000;

impl ReplayList {
    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn first(&self, id: [u8; 32], until: Millis, now: Millis) -> Result<bool, StoreError> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.until.get(&id).is_some_and(|until| *until > now) {
            return Ok(false);
        }
        // A sweep is as long as the list, so it is left to when the list has doubled.
        if seen.until.len() >= (seen.swept.max(512) * 2).min(MOST) {
            seen.until.retain(|_, until| *until > now);
            seen.swept = seen.until.len();
        }
        if seen.until.len() >= MOST {
            return Err(StoreError::new("a million proofs in some minutes"));
        }
        seen.until.insert(id, until);
        Ok(true)
    }
}

impl ReplayStore for ReplayList {
    fn is_first(&self, id: [u8; 32], until: SystemTime) -> Lookup<Result<bool, StoreError>> {
        Lookup::Ready(self.first(id, Millis::of(until), Millis::of(SystemTime::now())))
    }
}

impl fmt::Debug for ReplayList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplayList(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> [u8; 32] {
        crate::digest::sha256(&n.to_be_bytes())
    }

    #[test]
    fn each_comes_once_in_its_time_and_is_forgotten_after_it() {
        let list = ReplayList::new();
        assert!(list.first(id(1), Millis(100), Millis(0)).unwrap());
        assert!(!list.first(id(1), Millis(100), Millis(99)).unwrap());
        assert!(list.first(id(2), Millis(100), Millis(99)).unwrap());
        assert!(list.first(id(1), Millis(200), Millis(100)).unwrap());
        for n in 0..10_000 {
            assert!(list.first(id(n + 10), Millis(301), Millis(300)).unwrap() || n == u32::MAX);
        }
        for n in 0..10_000 {
            assert!(list.first(id(n + 20_000), Millis(401), Millis(400)).unwrap());
        }
        assert!(list.0.lock().unwrap().until.len() <= 20_002);
    }

    #[test]
    fn of_many_at_a_time_one_is_the_first() {
        let list = ReplayList::new();
        let one = |_| {
            let list = list.clone();
            std::thread::spawn(move || list.first(id(1), Millis(100), Millis(0)).unwrap())
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        let first = threads.into_iter().map(|it| it.join().unwrap()).filter(|first| *first);
        assert_eq!(first.count(), 1);
    }
}
