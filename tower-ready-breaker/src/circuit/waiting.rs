//! Who waits for a circuit to change.

use std::{collections::BTreeMap, task::Waker};

use super::Circuit;
use crate::sync::lock;

/// Each under a number of its own, so that who leaves can be taken off the list. Boxed, since most
/// circuits have none.
#[derive(Default)]
pub(super) struct Waiting(Option<Box<List>>);

#[derive(Default)]
struct List {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

// A waker is code of somebody else's: dropped as the last of its task it may drop what waits on this
// very circuit. So none is cloned, woken or dropped under the lock.
impl Circuit {
    /// Wakes this task at the next change, once. Returns the number to come back or to leave with.
    pub(crate) fn wait(&self, number: Option<u64>, waker: &Waker) -> u64 {
        let waker = waker.clone();
        let mut cold = lock(&self.cold);
        let list = cold.waiting.0.get_or_insert_default();
        let number = number.unwrap_or_else(|| {
            list.next += 1;
            list.next
        });
        let before = list.wakers.insert(number, waker);
        drop(cold);
        drop(before);
        number
    }

    /// Nobody waits under this number any more.
    #[cold]
    pub(crate) fn stop_waiting(&self, number: u64) {
        let mut cold = lock(&self.cold);
        let gone = cold.waiting.0.as_mut().and_then(|list| list.wakers.remove(&number));
        drop(cold);
        drop(gone);
    }

    /// Wakes who waits.
    pub(crate) fn wake(&self) {
        let wakers = match &mut lock(&self.cold).waiting.0 {
            Some(list) => std::mem::take(&mut list.wakers),
            None => return,
        };
        for waker in wakers.into_values() {
            waker.wake();
        }
    }
}
