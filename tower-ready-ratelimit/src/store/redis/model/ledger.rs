//! What lease.lua does, in Rust: the reference for the script and the model for the protocol.

use std::collections::BTreeMap;

use super::super::{lease::Ask, ticks::Ticks};

/// One bucket, as Redis keeps it.
#[derive(Clone, Debug)]
pub(in crate::store::redis) struct Ledger {
    pub(in crate::store::redis) ticks: Ticks,
    /// How long a lease is remembered, in microseconds.
    pub(in crate::store::redis) life: u64,
    /// So many units may be spent and not reported when the bucket lacks nothing else.
    pub(in crate::store::redis) lag: u64,
    /// Whether the bucket refills only as far as leases leave it. The protocol rests on that.
    pub(in crate::store::redis) is_capped: bool,
    /// When it is full again, in ticks.
    full: u128,
    leases: BTreeMap<String, Lease>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    sequence: u64,
    units: u64,
    expiry: u64,
}

impl Ledger {
    pub(in crate::store::redis) fn new(ticks: Ticks, life: u64, lag: u64) -> Self {
        Self { ticks, life, lag, is_capped: true, full: 0, leases: BTreeMap::new() }
    }

    /// What the script answers at that microsecond.
    pub(in crate::store::redis) fn ask(
        &mut self,
        now: u64,
        node: &str,
        ask: &Ask,
        nodes: u64,
    ) -> [u64; 4] {
        let Ticks { step, tolerance, per_micro } = self.ticks;
        let (step, per_micro) = (u128::from(step), u128::from(per_micro));
        let at = |micros: u64| u128::from(micros) * per_micro;
        let units = |leases: &BTreeMap<String, Lease>| -> u128 {
            leases.values().map(|lease| u128::from(lease.units)).sum()
        };
        let before = units(&self.leases);
        let lapse = self.leases.values().map(|lease| lease.expiry).filter(|it| *it <= now).max();
        self.leases.retain(|_, lease| lease.expiry > now);
        let mut full = self.full.max(at(now));
        if self.is_capped {
            let lapsed = before > units(&self.leases);
            if let Some(lapse) = lapse.filter(|_| lapsed) {
                full = full.max(at(lapse) + before * step);
            }
            full = full.max(at(now) + units(&self.leases) * step);
        }
        let mut left = (full - at(now)) as u64;
        let mine = self.leases.get(node).copied();
        if mine.is_some_and(|mine| ask.sequence <= mine.sequence) {
            return [0, 0, 0, left];
        }
        let known = mine.map_or(0, |mine| mine.units);
        let kept = ask.held.min(known);
        let back = ask.returned.min(known - kept);
        left = left.saturating_sub(back * step as u64);
        let room = tolerance.saturating_sub(left) / step as u64;
        let now_granted = ask.want.min(room);
        let room = room - now_granted;
        let others = units(&self.leases) as u64 - known;
        let holders = self.leases.len() as u64 + u64::from(mine.is_none());
        let lacks = (left - (others + kept) * step as u64) / step as u64;
        let share = (lacks.max(self.lag) / holders).saturating_sub(kept).min(room / (2 * nodes));
        let soon = ask.soon.saturating_sub(kept).min(room / 2);
        let ahead = ask.ahead.min(share.max(soon));
        let granted = now_granted + ahead;
        left += granted * step as u64;
        let units = kept + ahead + if now_granted < ask.want { now_granted } else { 0 };
        self.full = at(now) + u128::from(left);
        let lease = Lease { sequence: ask.sequence, units, expiry: now + self.life };
        self.leases.insert(node.to_owned(), lease);
        [1, kept, granted, left]
    }
}
