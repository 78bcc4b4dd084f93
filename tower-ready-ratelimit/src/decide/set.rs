//! What a request wants of its buckets.

use tower_ready_core::Instant;

use crate::{
    KeyHash, Quota,
    store::{Demand, Reading},
};

/// What one policy wants for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) rule: usize,
    pub(crate) key: KeyHash,
    pub(crate) quota: Quota,
    pub(crate) units: u64,
    debt: u64,
    swapped: bool,
}

/// What all policies want. There is room for as many as there are, on the stack.
pub(super) struct Set<const N: usize> {
    pub(super) wants: [Want; N],
    pub(super) len: usize,
}

/// A set that was answered.
pub(crate) struct Answered<'a> {
    pub(crate) now: Instant,
    pub(crate) wants: &'a [Want],
    pub(crate) readings: &'a [Reading],
}

impl Want {
    const NOTHING: Self = Self {
        rule: 0,
        key: KeyHash::from_bits(0),
        quota: Quota::per_second(0),
        units: 0,
        debt: 0,
        swapped: false,
    };

    pub(super) const fn of(rule: usize, demand: &Demand<'_>) -> Self {
        let Demand { key, quota, units, debt, swapped } = *demand;
        Self { rule, key, quota: *quota, units, debt, swapped }
    }

    pub(crate) const fn demand(&self) -> Demand<'_> {
        let Self { key, units, debt, swapped, .. } = *self;
        Demand { key, quota: &self.quota, units, debt, swapped }
    }
}

impl<const N: usize> Set<N> {
    pub(super) const fn new() -> Self {
        Self { wants: [Want::NOTHING; N], len: 0 }
    }

    pub(super) fn push(&mut self, want: Want) {
        if let Some(place) = self.wants.get_mut(self.len) {
            *place = want;
            self.len += 1;
        }
    }
}

impl<'a> Answered<'a> {
    pub(super) fn standings(
        &self,
    ) -> impl Iterator<Item = (&'a Want, &'a Reading)> + Clone + use<'a> {
        self.wants.iter().zip(self.readings)
    }
}
