//! A wait for one's turn, instead of a refusal.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time};
use tower_ready_core::Instant;

use crate::{
    KeyHash, Level,
    after::After,
    decide::{Answered, Step, Want},
    limiter::Shared,
    store::{Demand, Reading, Store, StoreError, Taking},
};

/// Who waits under one policy: for each key a line in the order of arrival.
///
/// The one in front sleeps until its units are there, which the bucket tells to the nanosecond; the
/// others wait for it. Whoever leaves, leaves its place. Whoever would have to wait too long is
/// refused at once, and so the lines have a bound: what the quota earns in the longest wait.
pub(crate) struct Lines {
    longest: Duration,
    /// How many wait in all, so that a request of a limiter where nobody waits need not look.
    waiting: AtomicUsize,
    lines: Mutex<HashMap<KeyHash, Line>>,
}

struct Line {
    turn: Arc<Semaphore>,
    people: usize,
    units: u64,
}

/// A place in a line, until it is dropped.
struct Place {
    lines: Arc<Lines>,
    key: KeyHash,
    units: u64,
    turn: Arc<Semaphore>,
}

impl Lines {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { longest, waiting: AtomicUsize::new(0), lines: Mutex::default() }
    }

    /// Whether somebody waits for this key.
    fn has(&self, key: KeyHash) -> bool {
        self.waiting.load(Relaxed) > 0 && self.lock().contains_key(&key)
    }

    /// Takes the last place, unless the wait there is too long; then it tells how the bucket will
    /// stand when all who wait have been served.
    fn join(self: &Arc<Self>, want: &Want, level: Level) -> Result<Place, Level> {
        let mut lines = self.lock();
        let entry = lines.entry(want.key);
        let in_front = match &entry {
            Entry::Occupied(line) => line.get().units,
            Entry::Vacant(_) => 0,
        };
        let served = level.charge(in_front);
        if served.wait(want.units).is_none_or(|wait| wait > self.longest) {
            return Err(served);
        }
        let line = entry.or_insert_with(|| Line {
            turn: Arc::new(Semaphore::new(1)),
            people: 0,
            units: 0,
        });
        line.people += 1;
        line.units = line.units.saturating_add(want.units);
        self.waiting.fetch_add(1, Relaxed);
        Ok(Place {
            lines: Arc::clone(self),
            key: want.key,
            units: want.units,
            turn: Arc::clone(&line.turn),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyHash, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.lines.lock();
        self.lines.waiting.fetch_sub(1, Relaxed);
        if let Entry::Occupied(mut line) = lines.entry(self.key) {
            line.get_mut().people -= 1;
            line.get_mut().units -= self.units;
            if line.get().people == 0 {
                line.remove();
            }
        }
    }
}

impl<St: Store> Shared<St> {
    /// The policy in whose line for this request somebody waits already: nobody overtakes.
    pub(crate) fn behind(&self, wants: &[Want]) -> Option<usize> {
        wants.iter().position(|want| {
            let lines = self.rules[want.rule].lines.as_ref();
            lines.is_some_and(|lines| lines.has(want.key))
        })
    }

    /// The first policy without enough, if all such policies let callers wait.
    pub(crate) fn may_wait(&self, set: &Answered<'_>) -> Option<usize> {
        let mut short = set.readings.iter().enumerate().filter(|(_, reading)| !reading.enough);
        let waits = |(at, _): (usize, &Reading)| {
            self.rules[set.wants[at].rule].lines.is_some().then_some(at)
        };
        let first = waits(short.next()?)?;
        short.all(|reading| waits(reading).is_some()).then_some(first)
    }

    /// Waits in the line of one of the policies, then decides.
    #[cold]
    pub(crate) fn line_up(
        &self,
        now: Instant,
        wants: &[Want],
        at: usize,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let want = &wants[at];
        let level = self.stand(now, want);
        let Some(lines) = &self.rules[want.rule].lines else {
            return self.refuse_at(now, wants, at, level);
        };
        match lines.join(want, level) {
            Err(served) => self.refuse_at(now, wants, at, served),
            Ok(place) => {
                let (limiter, wants, until) = (self.clone(), wants.to_vec(), now + lines.longest);
                Step::Later(Box::pin(
                    async move { limiter.wait(&wants, at, until, place, after).await },
                ))
            }
        }
    }

    async fn wait(
        &self,
        wants: &[Want],
        at: usize,
        until: Instant,
        place: Place,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let left = until.since(Instant::now());
        let Ok(_turn) = time::timeout(left, place.turn.acquire()).await else {
            let now = Instant::now();
            let want = &wants[at];
            return self.refuse_at(now, wants, at, self.stand(now, want).charge(want.units));
        };
        loop {
            let now = Instant::now();
            let (taken, readings) = match self.ask(now, wants).await {
                Ok(answer) => answer,
                Err(error) => return self.without_store(now, wants, &error, after),
            };
            let set = Answered { now, wants, readings: &readings };
            match longest_wait(&set) {
                Some(wait) if !taken && now + wait <= until => time::sleep(wait).await,
                _ => return self.conclude(&set, taken, after),
            }
        }
    }

    async fn ask(&self, now: Instant, wants: &[Want]) -> Result<(bool, Vec<Reading>), StoreError> {
        let mut readings = vec![Reading::default(); wants.len()];
        let trip = {
            let demands: Vec<_> = wants.iter().map(Want::demand).collect();
            match self.store.take(now, &demands, &mut readings) {
                Taking::Done(taken) => return Ok((taken, readings)),
                Taking::Trip(trip) => trip,
            }
        };
        let readings = trip.await?;
        if readings.len() != wants.len() {
            return Err(StoreError::new("it answered for another set"));
        }
        Ok((readings.iter().all(|reading| reading.enough), readings))
    }

    /// How the bucket of a demand stands, as far as that is at hand.
    fn stand(&self, now: Instant, want: &Want) -> Level {
        let nothing = Demand { units: 0, ..want.demand() };
        let mut reading = [Reading::default()];
        // Whoever asks for nothing takes nothing.
        let _ = self.store.take(now, &[nothing], &mut reading);
        reading[0].level(now, &nothing)
    }

    fn refuse_at(&self, now: Instant, wants: &[Want], at: usize, level: Level) -> Step<St> {
        let mut readings = vec![Reading::default(); wants.len()];
        for (want, reading) in wants.iter().zip(&mut readings) {
            reading.full = self.stand(now, want).full;
            reading.enough = true;
        }
        readings[at] = Reading { full: level.full, enough: false };
        let set = Answered { now, wants, readings: &readings };
        self.conclude(&set, false, None)
    }
}

/// How long until each bucket that has not enough will have, or none if one never will.
fn longest_wait(set: &Answered<'_>) -> Option<Duration> {
    let short = set.wants.iter().zip(set.readings).filter(|(_, reading)| !reading.enough);
    let waits = short.map(|(want, reading)| {
        let demand = want.demand();
        reading.level(set.now, &demand).wait(demand.units)
    });
    waits.collect::<Option<Vec<_>>>()?.into_iter().max().or(Some(Duration::ZERO))
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("longest", &self.longest)
            .field("waiting", &self.waiting.load(Relaxed))
            .finish_non_exhaustive()
    }
}
