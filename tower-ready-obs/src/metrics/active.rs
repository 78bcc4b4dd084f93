//! How many requests are being served.

use std::sync::atomic::{AtomicU64, Ordering::*};

use crate::{
    labels::{MethodName, UrlScheme},
    series::{key::Kind, lanes},
};

const SIDES: usize = 2;
pub(crate) const PLACES: usize = SIDES * UrlScheme::ALL.len() * MethodName::COUNT;

/// How many have begun and how many are over.
#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    over: AtomicU64,
}

#[repr(align(128))]
struct Lane([Counts; PLACES]);

/// Counts what has begun and what is over, each thread for itself.
pub(crate) struct Active(Box<[Lane]>);

/// Where a request is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u8);

impl Place {
    #[inline]
    pub(crate) const fn of(kind: Kind, scheme: UrlScheme, method: MethodName) -> Self {
        let side = kind.is_client() as usize;
        let scheme = side * UrlScheme::ALL.len() + scheme as usize;
        Self((scheme * MethodName::COUNT + method.index()) as u8)
    }
}

impl Active {
    pub(crate) fn new() -> Self {
        let lane = |_| Lane(std::array::from_fn(|_| Counts::default()));
        Self((0..lanes::count()).map(lane).collect())
    }

    #[inline]
    pub(crate) fn begin(&self, lane: usize, place: Place) {
        self.0[lane].0[usize::from(place.0)].begun.fetch_add(1, Relaxed);
    }

    #[inline]
    pub(crate) fn end(&self, lane: usize, place: Place) {
        // With `Acquire` below: whoever sees an end has seen its beginning.
        self.0[lane].0[usize::from(place.0)].over.fetch_add(1, Release);
    }

    /// How many there are, or none if there never was one.
    pub(crate) fn read(&self, place: Place) -> Option<u64> {
        let counts = || self.0.iter().map(|lane| &lane.0[usize::from(place.0)]);
        let over: u64 = counts().map(|it| it.over.load(Acquire)).sum();
        let begun: u64 = counts().map(|it| it.begun.load(Relaxed)).sum();
        (begun > 0).then(|| begun.saturating_sub(over))
    }
}
