//! All breakers of a program in one place.

mod admin;
mod list;
mod order;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

pub use self::admin::AdminService;
use self::order::Order;
use crate::{Breaker, KeyedBreaker, Snapshot};

/// The breakers of a program, by their names: for a page that shows them, a loop that reads their
/// numbers, and an [admin service](Self::admin) that gives them orders.
///
/// Clones share one list.
///
/// ```
/// use tower_ready_breaker::{Breaker, Registry, State};
///
/// let registry = Registry::new();
/// registry.add(&Breaker::builder("orders-db").build()?);
/// registry.add(&Breaker::builder("mail").build()?);
///
/// registry.get("mail").unwrap().force_open();
/// let states = registry.snapshots().into_iter().map(|it| (it.breaker, it.snapshot.state));
/// assert!(states.eq([("orders-db".into(), State::Closed), ("mail".into(), State::ForcedOpen)]));
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<RwLock<Vec<Entry>>>);

#[derive(Clone)]
enum Entry {
    One(Breaker),
    Keyed(KeyedBreaker),
}

/// One circuit of a [`Registry`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// The name of its breaker.
    pub breaker: Box<str>,
    /// The key, where there is a circuit for each; the one that all others share has none.
    pub key: Option<Arc<str>>,
    /// How it is.
    pub snapshot: Snapshot,
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a breaker, in place of one of that name.
    pub fn add(&self, breaker: &Breaker) {
        self.put(Entry::One(breaker.clone()));
    }

    /// Adds a breaker with keys, in place of one of that name.
    pub fn add_keyed(&self, breaker: &KeyedBreaker) {
        self.put(Entry::Keyed(breaker.clone()));
    }

    /// The breaker of this name, if it has no keys.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Breaker> {
        match self.find(name)? {
            Entry::One(breaker) => Some(breaker),
            Entry::Keyed(_) => None,
        }
    }

    /// The breaker of this name, if it has keys.
    #[must_use]
    pub fn get_keyed(&self, name: &str) -> Option<KeyedBreaker> {
        match self.find(name)? {
            Entry::One(_) => None,
            Entry::Keyed(breaker) => Some(breaker),
        }
    }

    /// Every circuit that is in use, in the order in which the breakers were added.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Listed> {
        self.entries().iter().flat_map(Entry::listed).collect()
    }

    /// A service that shows all of them and takes orders, for a route that only operators reach.
    #[must_use]
    pub fn admin(&self) -> AdminService {
        AdminService::new(self.clone())
    }

    fn put(&self, entry: Entry) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match entries.iter_mut().find(|held| held.name() == entry.name()) {
            Some(held) => *held = entry,
            None => entries.push(entry),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, name: &str) -> Option<Entry> {
        self.entries().into_iter().find(|entry| entry.name() == name)
    }
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::One(breaker) => breaker.name(),
            Self::Keyed(breaker) => breaker.name(),
        }
    }

    fn listed(&self) -> Vec<Listed> {
        let breaker = Box::<str>::from(self.name());
        let circuits = match self {
            Self::One(breaker) => vec![(None, breaker.snapshot())],
            Self::Keyed(breaker) => {
                let shared = breaker.shared().snapshot();
                let shared = (!shared.is_blank()).then_some((None, shared));
                let keys = breaker.snapshots().into_iter();
                keys.map(|(key, snapshot)| (Some(key), snapshot)).chain(shared).collect()
            }
        };
        let listed = |(key, snapshot)| Listed { breaker: breaker.clone(), key, snapshot };
        circuits.into_iter().map(listed).collect()
    }

    /// Gives an order to the circuit of a key, or to all there are. Returns whether there is one.
    fn order(&self, key: Option<&str>, order: Order) -> bool {
        match (self, key) {
            (Self::One(breaker), None) => order.give(breaker),
            (Self::One(_), Some(_)) => return false,
            (Self::Keyed(breaker), Some(key)) => match breaker.own(key) {
                Some(circuit) => order.give(&circuit),
                None => return false,
            },
            (Self::Keyed(breaker), None) => {
                breaker.circuits().for_each(|circuit| order.give(&circuit));
                order.give(&breaker.shared());
            }
        }
        true
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        f.debug_list().entries(entries.iter().map(Entry::name)).finish()
    }
}
