//! How the store in memory takes from one bucket, from two, and from a set.

use tower_ready_core::Instant;

use super::{Demand, MemoryStore, Overflow, Reading, table::Place};
use crate::{Level, hash::KeyHash, quota::Span};

impl MemoryStore {
    #[inline]
    pub(super) fn take_one(&self, now: Instant, demand: &Demand<'_>) -> Reading {
        let overflow = self.overflow;
        self.table.with(demand.key, now.as_nanos(), overflow, |place| match place {
            Some(mut place) => {
                let reading = look(&place, now, demand);
                if reading.enough {
                    if demand.units > 0 {
                        place.write(reading.full);
                    }
                } else {
                    keep_cut(&mut place, demand, reading.full);
                }
                reading
            }
            None => self.without_place(now, demand),
        })
    }

    #[cold]
    pub(super) fn without_place(&self, now: Instant, demand: &Demand<'_>) -> Reading {
        let full = Level::read(demand.quota, now, Span::ZERO, 0);
        let enough = self.overflow == Overflow::Admit;
        let spent = if enough { 0 } else { demand.quota.max_burst() };
        Reading { full: full.charge(spent).full, enough }
    }

    /// Takes from two buckets, if that is simple.
    #[inline]
    pub(super) fn take_two(
        &self,
        now: Instant,
        [one, other]: &[Demand<'_>; 2],
        readings: &mut [Reading; 2],
    ) -> Option<bool> {
        self.table.with_two([one.key, other.key], now.as_nanos(), |mut places| {
            *readings = [look(&places[0], now, one), look(&places[1], now, other)];
            let enough = readings[0].enough && readings[1].enough;
            for ((place, demand), reading) in places.iter_mut().zip([one, other]).zip(readings) {
                if !enough {
                    reading.full = read(place, now, demand);
                    keep_cut(place, demand, reading.full);
                } else if demand.units > 0 {
                    place.write(reading.full);
                }
            }
            enough
        })
    }

    pub(super) fn take_all(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> bool {
        let mut keys = [KeyHash::from_bits(0); Self::MAX_SET];
        for (key, demand) in keys.iter_mut().zip(demands) {
            *key = demand.key;
        }
        let (keys, overflow) = (&keys[..demands.len()], self.overflow);
        self.table.with_all(keys, now.as_nanos(), overflow, |visit| {
            let mut before = [None; Self::MAX_SET];
            let mut enough = true;
            for (at, (demand, reading)) in demands.iter().zip(&mut *readings).enumerate() {
                visit(at, &mut |place| {
                    let Some(mut place) = place else {
                        *reading = self.without_place(now, demand);
                        enough &= reading.enough;
                        return;
                    };
                    *reading = look(&place, now, demand);
                    enough &= reading.enough;
                    if enough && demand.units > 0 {
                        before[at] = Some(place.full);
                        place.write(reading.full);
                    }
                });
            }
            if !enough {
                // The other way round, since two keys without a place may share one cell.
                for at in (0..demands.len()).rev() {
                    visit(at, &mut |place| {
                        if let (Some(mut place), Some(full)) = (place, before[at]) {
                            place.write(full);
                        }
                    });
                }
                for (at, (demand, reading)) in demands.iter().zip(readings).enumerate() {
                    visit(at, &mut |place| {
                        if let Some(mut place) = place {
                            reading.full = read(&place, now, demand);
                            keep_cut(&mut place, demand, reading.full);
                        }
                    });
                }
            }
            enough
        })
    }
}

/// What a bucket stands at after a demand, or as it is if it has not enough.
#[inline]
fn look(place: &Place<'_>, now: Instant, demand: &Demand<'_>) -> Reading {
    let full = read(place, now, demand);
    let taken = demand.quota.rate().take(now.into(), full, demand.units);
    Reading { full: taken.unwrap_or(full), enough: taken.is_some() }
}

/// Whoever is refused by a quota that was swapped in is told a wait from where its old debt was cut
/// off. That has to be kept: cut off anew each time, the debt would stay as deep as it was.
#[inline]
fn keep_cut(place: &mut Place<'_>, demand: &Demand<'_>, read: Span) {
    if demand.swapped && place.own && read < place.full {
        place.write(read);
    }
}

#[inline]
pub(super) fn read(place: &Place<'_>, now: Instant, demand: &Demand<'_>) -> Span {
    // The cell that keys without a place share may be in debt to a quota of another length. It is
    // never cut down to the length of this one, for it is not this key's alone. Nor is a bucket from
    // which a caller takes under two plans: else one of them would wipe out what it owes to the other.
    let debt = if place.own && demand.swapped { demand.debt } else { u64::MAX };
    demand.quota.rate().read(now, place.full, debt)
}
