//! Who waits for its turn.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{error::Elapsed, timeout},
};

use crate::{KeyHash, Level};

/// Who waits: for each key a line in the order of arrival.
///
/// The one in front sleeps until its units are there, which the bucket tells to the nanosecond; the
/// others wait for it. Whoever leaves, leaves its place. Whoever would have to wait too long gets no
/// place, and so the lines have a bound: what the quota earns in the longest wait.
#[derive(Default)]
pub(crate) struct Lines {
    /// How many wait in all, so that a request of a limiter where nobody waits need not look.
    waiting: AtomicUsize,
    lines: Mutex<HashMap<KeyHash, Line>>,
}

struct Line {
    turn: Arc<Semaphore>,
    people: usize,
    units: u64,
    /// The bucket as whoever is in front saw it last.
    seen: Level,
}

/// A place in a line, until it is dropped.
pub(crate) struct Place {
    lines: Arc<Lines>,
    key: KeyHash,
    units: u64,
    turn: Arc<Semaphore>,
}

impl Lines {
    /// Whether somebody waits for this key.
    pub(crate) fn has(&self, key: KeyHash) -> bool {
        self.waiting.load(Relaxed) > 0 && self.lock().contains_key(&key)
    }

    /// Takes the last place, unless the wait there is longer than `longest`; then it tells how the
    /// bucket will stand when all who wait have been served.
    ///
    /// A `level` that is a mere guess gives way to what the one in front has seen.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: KeyHash,
        units: u64,
        mut level: Level,
        is_known: bool,
        longest: Duration,
    ) -> Result<Place, Level> {
        let mut lines = self.lock();
        let entry = lines.entry(key);
        let mut in_front = 0;
        if let Entry::Occupied(line) = &entry {
            in_front = line.get().units;
            if !is_known {
                level.full = line.get().seen.full;
            }
        }
        let served = level.charge(in_front);
        if served.wait(units).is_none_or(|wait| wait > longest) {
            return Err(served);
        }
        let line = entry.or_insert_with(|| Line {
            turn: Arc::new(Semaphore::new(1)),
            people: 0,
            units: 0,
            seen: level,
        });
        line.people += 1;
        line.units = line.units.saturating_add(units);
        self.waiting.fetch_add(1, Relaxed);
        Ok(Place { lines: Arc::clone(self), key, units, turn: Arc::clone(&line.turn) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyHash, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whoever is in front tells the others how the bucket stands.
    #[cfg(feature = "delay")]
    pub(crate) fn saw(&self, level: Level) {
        if let Some(line) = self.lines.lock().get_mut(&self.key) {
            line.seen = level;
        }
    }

    /// Comes to the front of the line, and stands there until what this returns is dropped.
    ///
    /// # Errors
    ///
    /// When that takes too long.
    pub(crate) async fn turn(&self, longest: Duration) -> Result<impl Sized, Elapsed> {
        timeout(longest, self.turn.acquire()).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        self.lines.waiting.fetch_sub(1, Relaxed);
        if let Entry::Occupied(mut line) = lines.entry(self.key) {
            line.get_mut().people -= 1;
            line.get_mut().units = line.get().units.saturating_sub(self.units);
            if line.get().people == 0 {
                line.remove();
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("waiting", &self.waiting.load(Relaxed))
            .finish_non_exhaustive()
    }
}
