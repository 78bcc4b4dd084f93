//! Who waits for a circuit to change.

use std::task::Waker;

use super::Circuit;
use crate::sync::lock;

/// Each under a number of its own, so that who leaves can be taken off the list. Boxed, since most
/// circuits have none.
#[derive(Default)]
pub(super) struct Waiting(Option<Box<List>>);

#[derive(Default)]
struct List {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Circuit {
    /// Wakes this task at the next change, once. Returns the number to come back or to leave with.
    pub(crate) fn wait(&self, number: Option<u64>, waker: &Waker) -> u64 {
        let mut cold = lock(&self.cold);
        let list = cold.waiting.0.get_or_insert_default();
        let number = number.unwrap_or_else(|| {
            list.next += 1;
            list.next
        });
        match list.wakers.iter_mut().find(|(held, _)| *held == number) {
            Some((_, held)) => held.clone_from(waker),
            None => list.wakers.push((number, waker.clone())),
        }
        number
    }

    /// Nobody waits under this number any more.
    pub(crate) fn stop_waiting(&self, number: u64) {
        if let Some(list) = &mut lock(&self.cold).waiting.0 {
            list.wakers.retain(|(held, _)| *held != number);
        }
    }

    /// Wakes who waits, under no lock.
    pub(super) fn wake(&self) {
        let wakers = match &mut lock(&self.cold).waiting.0 {
            Some(list) => std::mem::take(&mut list.wakers),
            None => return,
        };
        for (_, waker) in wakers {
            waker.wake();
        }
    }
}
