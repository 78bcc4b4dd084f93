//! How many failures a caller may have.

mod failures;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    time::Duration,
};

use tower_ready_core::Instant;

use self::{
    failures::{Failures, LONGEST, Rate},
    table::{Passing, Table},
};

/// How many callers of one address may fail as often as one alone.
const CALLERS: u32 = 10;

/// Failures by the address that they come from and what the credentials claim to be, and by the
/// address alone, so that it is no use to claim to be another each time.
///
/// A lock is of one address, so nobody can lock out somebody elsewhere. Neither can who shares the
/// address of others, behind a proxy or a NAT: credentials that have been good there while others
/// failed go on being looked at.
pub(crate) struct Throttle {
    callers: Table<Failures>,
    addresses: Table<Failures>,
    /// Credentials that were good, at addresses where others fail.
    good: Table<Good>,
    of_caller: Rate,
    of_address: Rate,
    hasher: RandomState,
}

/// Until when credentials that were good are looked at whatever else fails there.
#[derive(Clone, Copy, Debug)]
struct Good(Instant);

/// An attempt to get in.
pub(crate) struct Attempt<'a, H> {
    pub(crate) source: IpAddr,
    /// The credentials as they came, if they could be found.
    pub(crate) credentials: &'a [u8],
    /// What they claim to be, which is asked only where somebody has failed.
    pub(crate) claim: H,
}

impl<C: Hash, H: FnOnce() -> C> Attempt<'_, H> {
    fn caller(self, throttle: &Throttle) -> u64 {
        throttle.hasher.hash_one((1, key(self.source), (self.claim)()))
    }

    fn address(&self, throttle: &Throttle) -> u64 {
        throttle.hasher.hash_one((0, key(self.source)))
    }

    fn good(&self, throttle: &Throttle) -> u64 {
        throttle.hasher.hash_one((2, key(self.source), self.credentials))
    }
}

impl Throttle {
    pub(crate) fn new(failures: u32, period: Duration) -> Self {
        Self {
            callers: Table::new(),
            addresses: Table::new(),
            good: Table::new(),
            of_caller: Rate::new(failures, period),
            of_address: Rate::new(failures.saturating_mul(CALLERS), period),
            hasher: RandomState::new(),
        }
    }

    /// Whether nobody has failed at all.
    pub(crate) fn is_quiet(&self) -> bool {
        self.addresses.len() == 0
    }

    /// How long a caller has to wait, if it has to.
    pub(crate) fn wait<C: Hash>(
        &self,
        attempt: Attempt<'_, impl FnOnce() -> C>,
        now: Instant,
    ) -> Option<Duration> {
        let of_address = self.addresses.look(attempt.address(self), now, |it| it.wait(now))?;
        let good = attempt.good(self);
        let of_caller = self.callers.look(attempt.caller(self), now, |it| it.wait(now));
        let wait = of_address.max(of_caller.unwrap_or_default());
        let is_good = || self.good.look(good, now, |_| ()).is_some();
        (!wait.is_zero() && !is_good()).then_some(wait)
    }

    /// Notes a failure, and says for how long the caller is locked, if it is from now on.
    pub(crate) fn failed<C: Hash>(
        &self,
        attempt: Attempt<'_, impl FnOnce() -> C>,
        now: Instant,
    ) -> Option<Duration> {
        let add = |table: &Table<Failures>, key: u64, rate: Rate| {
            table.change(key, now, Failures::none(now), |it| it.add(now, rate)).flatten()
        };
        self.good.remove(attempt.good(self));
        let address = attempt.address(self);
        let of_address = add(&self.addresses, address, self.of_address);
        let of_caller = add(&self.callers, attempt.caller(self), self.of_caller);
        if let Some(lock) = of_caller {
            self.addresses.change(address, now, Failures::none(now), |it| it.keep(now + lock));
        }
        of_address.max(of_caller)
    }

    /// Notes that credentials were good, where others are not.
    pub(crate) fn succeeded<C: Hash>(
        &self,
        attempt: &Attempt<'_, impl FnOnce() -> C>,
        now: Instant,
    ) {
        if self.addresses.look(attempt.address(self), now, |_| ()).is_some() {
            let until = Good(now + LONGEST);
            self.good.change(attempt.good(self), now, until, |it| *it = until);
        }
    }
}

impl Passing for Good {
    fn is_over(&self, now: Instant) -> bool {
        self.0 <= now
    }
}

/// Whose address it is: all of IPv4, and the first 64 bits of IPv6, which is what one subscriber
/// has.
fn key(source: IpAddr) -> u128 {
    match source.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX) | 1 << 63,
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("of_caller", &self.of_caller)
            .field("of_address", &self.of_address)
            .field("addresses", &self.addresses.len())
            .finish_non_exhaustive()
    }
}
