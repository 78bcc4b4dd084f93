//! Where buckets are kept.

mod either;
mod memory;
#[cfg(any(feature = "redis", all(test, loom)))]
mod pot;
#[cfg(feature = "redis")]
pub mod redis;
mod table;
mod take;

use std::{error::Error, fmt, time::Duration};

use tower_ready_core::Instant;

pub(crate) use self::table::Table;
pub use self::{
    either::{Either, EitherTrip},
    memory::{HotKey, MemoryStore, Overflow},
};
use crate::{Level, Quota, hash::KeyHash, quota::Span};

/// Keeps buckets and takes from them.
///
/// A store in memory answers at once and allocates nothing; one beyond a socket answers later. Both
/// are one trait: what is at hand is returned, and only a trip returns a future. A distributed store
/// thus keeps a lease or a recent denial in memory and answers from it as fast as [`MemoryStore`].
///
/// Whatever a store does, three things hold:
///
/// 1. It takes from every bucket of a set, or from none.
/// 2. It never lets more pass than the quota, unless its documentation gives a bound.
/// 3. An entry that is full again may be forgotten: it reads as one that never was.
pub trait Store: Send + Sync + 'static {
    /// The trip of a store that has to ask elsewhere.
    type Trip: Future<Output = Result<Vec<Reading>, StoreError>> + Send + 'static;

    /// Takes from every bucket, if every one has enough, and tells how each then stands.
    ///
    /// There are as many `readings` as demands. When one bucket has not enough, none is touched, and
    /// the readings show them all as they were.
    fn take(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Taking<Self::Trip>;

    /// Changes one bucket, whatever is in it. Nobody waits: a store beyond a socket sends it off.
    fn adjust(&self, now: Instant, demand: &Demand<'_>, change: Change);

    /// Decides alone while the store cannot be asked, by a share of the quota, as
    /// [`OnStoreError::Share`](crate::OnStoreError::Share) wants it. Or none, as by default: it
    /// cannot.
    fn share(
        &self,
        now: Instant,
        demands: &[Demand<'_>],
        readings: &mut [Reading],
    ) -> Option<bool> {
        let _ = (now, demands, readings);
        None
    }

    /// Whether this store has its buckets to itself, in memory. Others are shared by instances, which
    /// then have to hash their callers under one [`Secret`](crate::Secret).
    fn is_local(&self) -> bool {
        false
    }
}

/// What a request wants of one bucket.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Demand<'a> {
    /// Whose bucket.
    pub key: KeyHash,
    /// The quota that holds for it now.
    pub quota: &'a Quota,
    /// How many units.
    pub units: u64,
    /// How many units below empty the bucket may be charged with [`Change::Charge`].
    pub debt: u64,
    /// Whether the quota was swapped in: then the bucket is in no deeper debt than it could have run
    /// into under this one. Otherwise it keeps what was taken, whatever quota it was taken under.
    pub swapped: bool,
}

/// A change of a bucket that does not ask whether it has enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Takes the units, down to the debt that the demand allows.
    Charge,
    /// Puts the units back, up to the burst.
    Refund,
    /// Makes the bucket full.
    Reset,
}

/// What a store answers.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a store answers now or later, there is no third")]
pub enum Taking<T> {
    /// At once: the readings are written, and this says whether the units were taken.
    Done(bool),
    /// Later: the readings come with the future.
    Trip(T),
}

/// How one bucket of a set stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    pub(crate) full: Span,
    pub(crate) enough: bool,
}

/// The store could not be asked.
#[derive(Debug)]
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl<'a> Demand<'a> {
    /// Wants one unit, and allows no debt.
    #[must_use]
    pub const fn new(key: KeyHash, quota: &'a Quota) -> Self {
        Self { key, quota, units: 1, debt: 0, swapped: false }
    }

    /// Wants so many units. Default: one.
    #[must_use]
    pub const fn units(self, units: u64) -> Self {
        Self { units, ..self }
    }

    /// Frees whoever is in debt to the quota that this one took the place of. Default: no.
    #[must_use]
    pub const fn swapped(self, swapped: bool) -> Self {
        Self { swapped, ..self }
    }
}

impl Reading {
    /// A bucket that has enough or not, and is full again in `full_in` if nobody takes.
    #[must_use]
    pub fn new(now: Instant, full_in: Duration, enough: bool) -> Self {
        Self { full: (now + full_in).into(), enough }
    }

    /// Whether the bucket had enough.
    #[must_use]
    pub const fn had_enough(&self) -> bool {
        self.enough
    }

    /// The bucket itself.
    #[must_use]
    pub const fn level(&self, now: Instant, demand: &Demand<'_>) -> Level {
        Level { quota: *demand.quota, now: now.as_nanos(), full: self.full }
    }
}

impl StoreError {
    /// Wraps what went wrong.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of the rate limits could not be asked")
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}
