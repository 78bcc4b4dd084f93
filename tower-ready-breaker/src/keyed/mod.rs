//! A circuit for each key.

mod layer;
mod service;
mod table;

use std::{fmt, sync::Arc};

use tower_ready_core::{Head, Instant, Route};

use self::table::Table;
pub(crate) use self::table::room;
pub use self::{layer::KeyedBreakerLayer, service::KeyedBreakerService};
use crate::{
    Breaker, Permit, Rejected, Snapshot,
    pins::{Pins, stripes},
    policy::Policy,
};

/// A circuit breaker with a circuit for each key: each host that a client talks to, each route,
/// each tenant. One that is down does not take the others along.
///
/// It holds a fixed number of circuits. A key that has been quiet for a window gives its circuit
/// away, unless that is open; keys for which there is no room share one. So whoever can choose keys
/// can neither make it grow nor close a circuit that is open.
///
/// ```
/// use http::Request;
/// use tower_ready_breaker::{Breaker, State, by_authority};
///
/// let breaker = Breaker::builder("upstream").consecutive_failures(1).build_keyed(by_authority)?;
/// breaker.key("a.example").try_acquire().unwrap().failure();
/// assert_eq!(breaker.key("a.example").state(), State::Open);
/// assert_eq!(breaker.key("b.example").state(), State::Closed);
///
/// let layer = breaker.layer(); // over a client
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct KeyedBreaker {
    pins: Pins,
    keys: Arc<Keys>,
}

struct Keys {
    table: Table,
    find: Box<FindKey>,
}

/// Finds the key of a request.
pub(crate) type FindKey = dyn for<'a> Fn(&Head<'a>) -> Option<&'a str> + Send + Sync;

/// The host and port of the request's URI, which a client's requests have: `api.example.com:8443`.
///
/// As they are written, and without the name and the password that may stand before them: keys are
/// logged.
#[must_use]
pub fn by_authority<'a>(head: &Head<'a>) -> Option<&'a str> {
    let authority = head.uri().authority()?.as_str();
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// The route that a layer further out has left in the request's extensions.
#[must_use]
pub fn by_route<'a>(head: &Head<'a>) -> Option<&'a str> {
    head.extensions().get().map(Route::as_str)
}

impl KeyedBreaker {
    /// The longest key that has a circuit of its own: as long as the name of a host can be, and its
    /// port.
    pub const MAX_KEY: usize = 260;

    pub(crate) fn new(policy: Policy, capacity: u32, find: Box<FindKey>) -> Self {
        Self {
            pins: Pins::new(policy, room(capacity), stripes(), 1),
            keys: Arc::new(Keys { table: Table::new(capacity), find }),
        }
    }

    /// A layer over these circuits.
    pub fn layer(&self) -> KeyedBreakerLayer {
        KeyedBreakerLayer::new(self.clone())
    }

    /// The circuit that a key has now, or the [shared](Self::shared) one if there is no room. Keep
    /// the key rather than this: a key that is quiet for long gives its circuit to another.
    #[must_use]
    pub fn key(&self, key: &str) -> Breaker {
        let table = &self.keys.table;
        Breaker::of(self.pins.clone(), self.circuit(key, table.hash(key)))
    }

    /// The circuit of a key alone, if there is room for it.
    pub(crate) fn own(&self, key: &str) -> Option<Breaker> {
        let table = &self.keys.table;
        let circuit = self.circuit(key, table.hash(key));
        (circuit != table.shared()).then(|| Breaker::of(self.pins.clone(), circuit))
    }

    /// The circuit of all keys that have none of their own.
    #[must_use]
    pub fn shared(&self) -> Breaker {
        Breaker::of(self.pins.clone(), self.keys.table.shared())
    }

    /// How many circuits are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.table.len() as usize
    }

    /// Whether no key has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every key that has a circuit, and how that is.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(Arc<str>, Snapshot)> {
        let shared = self.pins.shared();
        let circuits = (0..self.keys.table.len()).map(|circuit| shared.circuit(circuit));
        circuits.filter_map(|circuit| Some((circuit.key()?, Snapshot::of(circuit)))).collect()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.pins.shared().policy.name
    }

    /// Every circuit that is in use.
    pub(crate) fn circuits(&self) -> impl Iterator<Item = Breaker> {
        let circuits = 0..self.keys.table.len();
        circuits.map(|circuit| Breaker::of(self.pins.clone(), circuit))
    }

    /// Asks for the call of a request.
    pub(crate) fn try_acquire(&self, head: &Head<'_>) -> Result<Permit, Rejected> {
        let table = &self.keys.table;
        let key = (self.keys.find)(head);
        let Some(key) = key.filter(|key| key.len() <= Self::MAX_KEY) else {
            return self.pins.try_acquire(table.shared(), false);
        };
        let hash = table.hash(key);
        let circuit = self.circuit(key, hash);
        let admitted = self.pins.try_acquire(circuit, false);
        if table.belongs(circuit, hash) {
            return admitted;
        }
        // The circuit went to another key in this moment. What it said was about that one.
        if let Ok(permit) = admitted {
            permit.ignore();
        }
        self.pins.try_acquire(table.shared(), false)
    }

    #[inline]
    fn circuit(&self, key: &str, hash: u64) -> u32 {
        let table = &self.keys.table;
        table.find(hash).unwrap_or_else(|| {
            if key.len() > Self::MAX_KEY {
                return table.shared();
            }
            table.enter(self.pins.shared(), key, hash, Instant::now())
        })
    }

    /// The inner service, which is one for all keys, failed to get ready.
    pub(crate) fn fail_unready(&self) {
        self.shared().fail_unready();
    }
}

impl fmt::Debug for KeyedBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreaker")
            .field("name", &self.name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
