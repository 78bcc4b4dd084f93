//! A wait for one's turn, instead of a refusal.

use std::time::Duration;

use tokio::time;
use tower_ready_core::Instant;

use crate::{
    Level,
    after::After,
    decide::{Answered, Step, Want},
    limiter::Shared,
    line::Place,
    store::{Demand, Reading, Store, StoreError, Taking},
};

impl<St: Store> Shared<St> {
    /// The policy in whose line for this request somebody waits already: nobody overtakes.
    pub(crate) fn behind(&self, wants: &[Want]) -> Option<usize> {
        wants.iter().position(|want| {
            let lines = self.rules[want.rule].lines.as_ref();
            lines.is_some_and(|lines| lines.has(want.key))
        })
    }

    /// The first policy without enough and its bucket, if all such policies let callers wait.
    pub(crate) fn may_wait(&self, set: &Answered<'_>) -> Option<(usize, Level)> {
        let mut short = set.readings.iter().enumerate().filter(|(_, reading)| !reading.enough);
        let waits = |(at, _): (usize, &Reading)| {
            self.rules[set.wants[at].rule].lines.is_some().then_some(at)
        };
        let first = waits(short.next()?)?;
        let level = set.readings[first].level(set.now, &set.wants[first].demand());
        short.all(|reading| waits(reading).is_some()).then_some((first, level))
    }

    /// Waits in the line of one of the policies, whose bucket somebody may have seen, then decides.
    #[cold]
    pub(crate) fn line_up(
        &self,
        now: Instant,
        wants: &[Want],
        at: usize,
        seen: Option<Level>,
        after: Option<Box<After<St>>>,
    ) -> Step<St> {
        let (want, rule) = (&wants[at], &self.rules[wants[at].rule]);
        let (level, is_known) = match seen {
            Some(level) => (level, true),
            None => self.stand(now, want),
        };
        let (Some(lines), Some(longest)) = (&rule.lines, rule.policy.delay) else {
            return self.refuse_at(now, wants, at, level);
        };
        match lines.join(want.key, want.units, level, is_known, longest) {
            Err(served) => self.refuse_at(now, wants, at, served),
            Ok(place) => {
                let (limiter, wants, until) = (self.clone(), wants.to_vec(), now + longest);
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
        let Ok(_turn) = place.turn(left).await else {
            let now = Instant::now();
            let want = &wants[at];
            return self.refuse_at(now, wants, at, self.stand(now, want).0.charge(want.units));
        };
        loop {
            let now = Instant::now();
            let (taken, readings) = match self.ask(now, wants).await {
                Ok(answer) => answer,
                Err(error) => return self.without_store(now, wants, &error, after),
            };
            let set = Answered { now, wants, readings: &readings };
            place.saw(readings[at].level(now, &wants[at].demand()));
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

    /// How the bucket of a demand stands, and whether that is known: without a trip it may not be.
    fn stand(&self, now: Instant, want: &Want) -> (Level, bool) {
        let nothing = Demand { units: 0, ..want.demand() };
        let mut reading = [Reading::default()];
        // Whoever asks for nothing takes nothing.
        let taking = self.store.take(now, &[nothing], &mut reading);
        (reading[0].level(now, &nothing), matches!(taking, Taking::Done(_)))
    }

    fn refuse_at(&self, now: Instant, wants: &[Want], at: usize, level: Level) -> Step<St> {
        let mut readings = vec![Reading::default(); wants.len()];
        for (want, reading) in wants.iter().zip(&mut readings) {
            reading.full = self.stand(now, want).0.full;
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
