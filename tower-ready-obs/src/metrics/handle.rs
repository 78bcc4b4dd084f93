use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    MetricsBuilder, MetricsLayer, RouteLayer, families,
    gauge::{Pulled, is_name},
    state::{Lane, State},
};
use crate::{
    ConfigError, ConfigErrorKind,
    labels::Labels,
    scrape::{Descriptor, Family, FamilyKind, Format, Number, Pages, ScrapeService},
    series::lanes,
};

/// The metrics of a process: what its layers count, and where that is read.
///
/// Clones share everything, and so do all layers made from one handle. Keep a clone to serve what
/// is counted, and to add numbers of your own.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    lanes: Box<[Arc<Lane>]>,
    families: Mutex<Vec<Arc<dyn Family>>>,
    /// Those of the families that closures fill.
    pulled: Mutex<Vec<Arc<Pulled>>>,
    /// How many upgraded connections there are, once there was one.
    upgraded: OnceLock<Arc<AtomicU64>>,
    #[cfg(any(
        feature = "auth",
        feature = "breaker",
        feature = "deadline",
        feature = "ratelimit",
        feature = "shed",
        feature = "shutdown"
    ))]
    events: OnceLock<crate::Events>,
}

impl Metrics {
    /// Starts from the defaults.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder::new()
    }

    pub(super) fn new(state: State) -> Self {
        let state = Arc::new(state);
        let lane = |number| Arc::new(Lane { state: state.clone(), number });
        let families = Mutex::new(families::all(&state));
        let lanes = (0..lanes::count()).map(lane).collect();
        Self(Arc::new(Shared {
            lanes,
            families,
            pulled: Mutex::default(),
            upgraded: OnceLock::new(),
            #[cfg(any(
                feature = "auth",
                feature = "breaker",
                feature = "deadline",
                feature = "ratelimit",
                feature = "shed",
                feature = "shutdown"
            ))]
            events: OnceLock::new(),
        }))
    }

    /// Counts the requests to a server.
    pub fn layer(&self) -> MetricsLayer {
        MetricsLayer::new(self.clone())
    }

    /// Counts the requests of a client.
    pub fn client_layer(&self) -> MetricsLayer {
        MetricsLayer::client(self.clone())
    }

    /// Tells a layer that sits outside of a router which route a request takes. Apply it inside.
    ///
    /// From then on, requests whose route is not known when they come carry a slot for it, which
    /// costs four allocations each.
    pub fn route_layer(&self) -> RouteLayer {
        self.state().has_route_layer.store(true, Relaxed);
        RouteLayer::new()
    }

    /// The service for `/metrics`.
    #[must_use]
    pub fn scrape_service(&self) -> ScrapeService {
        ScrapeService::new(self.clone())
    }

    /// All that is counted, as text in the format 0.0.4.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut pages = self.pages(Format::Text);
        let mut text = Vec::new();
        while !pages.is_over() {
            text.append(&mut pages.turn());
        }
        String::from_utf8(text).unwrap_or_default()
    }

    /// A number that goes up and down, read when somebody scrapes: `orders_open`.
    ///
    /// # Errors
    ///
    /// When the name is none, or taken.
    pub fn gauge(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), ConfigError> {
        let read = move || Number::Real(read());
        self.add_named(name.into(), FamilyKind::Gauge, help.into(), read)
    }

    /// A number that only grows, read when somebody scrapes: `orders_shipped`, which is shown as
    /// `orders_shipped_total`.
    ///
    /// # Errors
    ///
    /// When the name is none, or taken.
    pub fn counter(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<(), ConfigError> {
        let read = move || Number::Count(read());
        self.add_named(name.into(), FamilyKind::Counter, help.into(), read)
    }

    fn add_named(
        &self,
        name: Cow<'static, str>,
        kind: FamilyKind,
        help: Cow<'static, str>,
        read: impl Fn() -> Number + Send + Sync + 'static,
    ) -> Result<(), ConfigError> {
        let is_taken = self.lock().iter().any(|family| family.descriptor().name == name);
        if is_taken || !is_name(&name) {
            return Err(ConfigError::new(ConfigErrorKind::Name));
        }
        self.pull(Descriptor::new(name, kind, help), Labels::default(), read);
        Ok(())
    }

    /// Adds a number that a closure knows, or puts it in the place of one with the same labels.
    pub(crate) fn pull(
        &self,
        descriptor: Descriptor,
        labels: Labels,
        read: impl Fn() -> Number + Send + Sync + 'static,
    ) {
        let mut pulled = self.0.pulled.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pulled.iter().find(|it| it.descriptor().name == descriptor.name);
        let family = match known {
            Some(family) => family.clone(),
            None => {
                let family = Arc::new(Pulled::new(descriptor));
                pulled.push(family.clone());
                self.lock().push(family.clone());
                family
            }
        };
        family.add(labels.into_set(), Box::new(read));
    }

    /// Adds a family of counters.
    #[cfg(any(
        feature = "auth",
        feature = "breaker",
        feature = "deadline",
        feature = "ratelimit",
        feature = "shed",
        feature = "shutdown"
    ))]
    pub(crate) fn add_family(&self, family: impl Family + 'static) {
        self.lock().push(Arc::new(family));
    }

    /// The one observer of all policies.
    #[cfg(any(
        feature = "auth",
        feature = "breaker",
        feature = "deadline",
        feature = "ratelimit",
        feature = "shed",
        feature = "shutdown"
    ))]
    pub(crate) fn events_or(&self, make: impl FnOnce() -> crate::Events) -> crate::Events {
        self.0.events.get_or_init(make).clone()
    }

    pub(super) fn upgraded_count(&self) -> &OnceLock<Arc<AtomicU64>> {
        &self.0.upgraded
    }

    pub(crate) fn families(&self) -> Vec<Arc<dyn Family>> {
        self.lock().clone()
    }

    pub(crate) fn pages(&self, format: Format) -> Pages {
        Pages::new(self.families(), format)
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.0.lanes[0].state
    }

    #[inline]
    pub(super) fn lane(&self) -> &Arc<Lane> {
        let lanes = &self.0.lanes;
        &lanes[lanes::own(lanes.len())]
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn Family>>> {
        self.0.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("series", &self.state().series.len())
            .field("dropped", &self.state().dropped.get())
            .finish_non_exhaustive()
    }
}
