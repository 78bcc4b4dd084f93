//! Which key has which circuit: a fixed number of both.
//!
//! A look-up takes no lock: it walks from the key's place in the index until it finds the key's
//! hash or an entry that nobody has ever used. Keys come and go under a lock. The hash is keyed by
//! chance, so nobody outside can choose keys that meet.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use tower_ready_core::Instant;

use crate::{circuit::Circuit, pins::Shared};

pub(crate) struct Table {
    hasher: RandomState,
    /// The number of a circuit plus [`FIRST`], or what else an entry can be.
    index: Box<[AtomicU64]>,
    /// The hash of the key that each circuit belongs to; of the last, that of none.
    hashes: Box<[AtomicU64]>,
    rows: Mutex<Rows>,
}

/// What changes when keys come and go.
struct Rows {
    /// How many circuits were ever used.
    used: u32,
    /// Where the search for an idle one goes on.
    hand: u32,
    /// How many in a row were not idle, and until when nobody looks again once that was all.
    busy: u32,
    rest: Instant,
    /// Where each circuit stands in the index.
    places: Vec<u32>,
}

/// Nobody has ever used the entry: a search ends here.
const EMPTY: u64 = 0;
/// The key that was here has gone: a search goes on.
const GONE: u64 = 1;
const FIRST: u64 = 2;

/// How far from its place a key may stand. The index is at most half full of keys.
const REACH: usize = 32;

/// How many circuits are looked at for one that is idle: a bound on what a new key can cost.
const LOOKS: u32 = 16;

impl Table {
    pub(crate) fn new(capacity: u32) -> Self {
        let entries = (capacity as usize * 2).next_power_of_two().max(REACH);
        Self {
            hasher: RandomState::new(),
            index: (0..entries).map(|_| AtomicU64::new(EMPTY)).collect(),
            hashes: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
            rows: Mutex::new(Rows {
                used: 0,
                hand: 0,
                busy: 0,
                rest: Instant::from_nanos(0),
                places: Vec::new(),
            }),
        }
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.hashes.len() as u32
    }

    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The circuit of all keys that have none.
    pub(crate) fn shared(&self) -> u32 {
        self.capacity()
    }

    /// The circuit of a key.
    #[inline]
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        for place in self.walk(hash) {
            match self.index[place].load(Acquire) {
                EMPTY => return None,
                GONE => {}
                entry => {
                    let circuit = (entry - FIRST) as u32;
                    if self.belongs(circuit, hash) {
                        return Some(circuit);
                    }
                }
            }
        }
        None
    }

    /// Whether the circuit still is that of the key.
    #[inline]
    pub(crate) fn belongs(&self, circuit: u32, hash: u64) -> bool {
        let held = self.hashes.get(circuit as usize);
        held.is_none_or(|held| held.load(Acquire) == hash)
    }

    /// The circuit of a key, a new one if it has none, or the shared one if there is no room.
    #[cold]
    pub(crate) fn enter(&self, shared: &Shared, key: &str, hash: u64, now: Instant) -> u32 {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = self.find(hash) {
            return circuit;
        }
        let is_free = |place: &usize| self.index[*place].load(Relaxed) < FIRST;
        let Some(place) = self.walk(hash).find(is_free) else {
            return self.shared();
        };
        let Some(circuit) = self.free_circuit(&mut rows, shared, now) else {
            return self.shared();
        };
        // Who still finds the circuit by its old place sees another hash there.
        self.hashes[circuit as usize].store(hash, Release);
        let name = Arc::from(key);
        shared.circuit(circuit).reuse(&shared.policy, name);
        rows.places[circuit as usize] = place as u32;
        self.index[place].store(u64::from(circuit) + FIRST, Release);
        drop(rows);
        // Under no lock, since that runs code of others.
        shared.circuit(circuit).wake();
        circuit
    }

    /// A circuit that was never used, or one that is closed and has had nothing to do for a window.
    /// One that is open is never given away.
    fn free_circuit(&self, rows: &mut Rows, shared: &Shared, now: Instant) -> Option<u32> {
        let capacity = self.capacity();
        if rows.used < capacity {
            rows.used += 1;
            rows.places.push(0);
            if let Some(budget) = &shared.policy.budget {
                budget.set_live(rows.used as usize);
            }
            return Some(rows.used - 1);
        }
        if now < rows.rest {
            return None;
        }
        for _ in 0..LOOKS.min(capacity) {
            let circuit = rows.hand;
            rows.hand = (rows.hand + 1) % capacity;
            if shared.circuit(circuit).is_idle(now) {
                let place = rows.places[circuit as usize] as usize;
                self.index[place].store(GONE, Release);
                rows.busy = 0;
                return Some(circuit);
            }
            rows.busy += 1;
        }
        if rows.busy >= capacity {
            // None of them is idle, and none will be before a bucket has passed.
            rows.busy = 0;
            rows.rest = now + shared.policy.span.length() / shared.policy.span.buckets;
        }
        None
    }

    /// How many circuits have a key.
    pub(crate) fn len(&self) -> u32 {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).used
    }

    fn walk(&self, hash: u64) -> impl Iterator<Item = usize> {
        let mask = self.index.len() - 1;
        let home = hash as usize & mask;
        (0..REACH).map(move |step| (home + step) & mask)
    }
}

/// Room for so many circuits, each made when it is first used, and one more for all other keys.
pub(crate) fn room(capacity: u32) -> Box<[OnceLock<Box<Circuit>>]> {
    (0..=capacity).map(|_| OnceLock::new()).collect()
}
