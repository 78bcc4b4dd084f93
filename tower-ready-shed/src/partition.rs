//! Parts of the slots that are kept for routes, tenants or whatever else a request belongs to.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tower_ready_core::Head;

use crate::{ConfigError, ConfigErrorKind};

type Name = dyn for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync;

/// Which requests belong together, and which part of the slots is guaranteed to each group.
///
/// Whoever comes first may fill all slots, so that none lies idle. But a request whose group has
/// less than its share is served even then: the others have what is beyond their own share, and it
/// comes back as they finish. Until it has, more are served than the limit says, by no more than the
/// shares of those who came late.
///
/// ```
/// use tower_ready_shed::{Bulkhead, Partitions};
///
/// let tenants = Partitions::by(|head| head.headers().get("x-tenant")?.to_str().ok())
///     .share("acme", 0.5)
///     .share("globex", 0.2);
/// let bulkhead = Bulkhead::builder().limit(100).partitions(tenants).build()?;
/// assert_eq!(bulkhead.partition("acme"), Some(0));
/// # Ok::<(), tower_ready_shed::ConfigError>(())
/// ```
#[must_use = "partitions are for a bulkhead's builder"]
pub struct Partitions {
    name: Box<Name>,
    shares: Vec<(Box<str>, f64)>,
}

impl Partitions {
    /// By what a closure borrows from the head of a request. Those for which it says nothing, or
    /// the name of no share, have no share of their own.
    pub fn by<F>(name: F) -> Self
    where
        F: for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        Self { name: Box::new(name), shares: Vec::new() }
    }

    /// By the route that a layer further out has left in the request's extensions.
    pub fn by_route() -> Self {
        Self::by(|head| head.extensions().get().map(tower_ready_core::Route::as_str))
    }

    /// Guarantees this part of the limit to the requests of this name, and one slot in any case.
    pub fn share(mut self, name: impl Into<String>, share: f64) -> Self {
        self.shares.push((name.into().into(), share));
        self
    }

    pub(crate) fn checked(self) -> Result<Groups, ConfigError> {
        let Self { name, shares } = self;
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        let sum: f64 = shares.iter().map(|it| it.1).sum();
        let mut names: Vec<_> = shares.iter().map(|it| &*it.0).collect();
        names.sort_unstable();
        let is_twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        // What a sum of tenths is off by is no reason to refuse it.
        let fits = shares.iter().all(|it| is_share(it.1)) && sum <= 1.0 + 1e-9;
        if !fits || is_twice || shares.is_empty() || shares.len() > MOST {
            return Err(ConfigError::new(ConfigErrorKind::Partitions));
        }
        let group = |(name, share)| Group { name, share, taken: AtomicU32::new(0) };
        Ok(Groups { name, groups: shares.into_iter().map(group).collect() })
    }
}

/// Each request looks for its name among them.
const MOST: usize = 64;

/// The groups of a bulkhead, and how many slots each has.
pub(crate) struct Groups {
    name: Box<Name>,
    groups: Box<[Group]>,
}

#[repr(align(128))]
struct Group {
    name: Box<str>,
    share: f64,
    taken: AtomicU32,
}

/// The group of a request, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member(u8);

impl Member {
    pub(crate) const NONE: Self = Self(u8::MAX);
}

impl Groups {
    pub(crate) fn of(&self, head: &Head<'_>) -> Member {
        (self.name)(head).map_or(Member::NONE, |name| self.named(name))
    }

    pub(crate) fn named(&self, name: &str) -> Member {
        let place = self.groups.iter().position(|group| &*group.name == name);
        place.map_or(Member::NONE, |place| Member(place as u8))
    }

    pub(crate) fn name(&self, member: Member) -> Option<&str> {
        self.get(member).map(|group| &*group.name)
    }

    pub(crate) fn taken(&self, member: Member) -> Option<u32> {
        self.get(member).map(|group| group.taken.load(Relaxed))
    }

    /// A member has got a slot.
    pub(crate) fn enter(&self, member: Member) {
        if let Some(group) = self.get(member) {
            group.taken.fetch_add(1, Relaxed);
        }
    }

    /// A member gets a slot if its group has less than its share.
    pub(crate) fn enter_within_share(&self, member: Member, limit: u32) -> bool {
        self.get(member).is_some_and(|group| {
            // 29 % of 100 are 29, whatever becomes of that in binary.
            let share = ((f64::from(limit) * group.share + 1e-9) as u32).max(1);
            let one_more = |taken: u32| (taken < share).then_some(taken + 1);
            group.taken.fetch_update(Relaxed, Relaxed, one_more).is_ok()
        })
    }

    /// A member has given its slot back.
    pub(crate) fn leave(&self, member: Member) {
        if let Some(group) = self.get(member) {
            group.taken.fetch_sub(1, Relaxed);
        }
    }

    fn get(&self, member: Member) -> Option<&Group> {
        self.groups.get(usize::from(member.0))
    }
}

impl std::fmt::Debug for Partitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.shares.iter().map(|(name, share)| (name, share))).finish()
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
