use std::sync::Arc;

use tower_layer::Layer;
use tower_ready_core::Head;

use super::{Detail, Health, HealthService, answer::Disclosure, report::Question};

/// Answers probes in front of a service: `/livez`, `/readyz`, `/startupz` over HTTP and
/// `grpc.health.v1` over gRPC. Everything else passes untouched.
///
/// It stands outside of everything, so that a probe is neither counted nor limited nor asked for a
/// token.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied"]
pub struct HealthLayer(Arc<Probes>);

/// What a layer answers.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    pub(super) health: Health,
    pub(super) disclosure: Disclosure,
    live: Box<str>,
    ready: Box<str>,
    startup: Box<str>,
    pub(super) is_enabled: bool,
}

impl HealthLayer {
    /// A layer of this health.
    pub fn new(health: Health) -> Self {
        let [live, ready, startup] = ["/livez", "/readyz", "/startupz"].map(Box::from);
        let disclosure = Disclosure::minimal();
        Self(Arc::new(Probes { health, disclosure, live, ready, startup, is_enabled: true }))
    }

    fn with(mut self, change: impl FnOnce(&mut Probes)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The path of liveness. Default: `/livez`.
    pub fn live_at(self, path: impl Into<Box<str>>) -> Self {
        self.with(|probes| probes.live = path.into())
    }

    /// The path of readiness. Default: `/readyz`.
    pub fn ready_at(self, path: impl Into<Box<str>>) -> Self {
        self.with(|probes| probes.ready = path.into())
    }

    /// The path of startup. Default: `/startupz`.
    pub fn startup_at(self, path: impl Into<Box<str>>) -> Self {
        self.with(|probes| probes.startup = path.into())
    }

    /// How much anybody may be told. Default: [`Detail::Minimal`].
    pub fn detail(self, detail: Detail) -> Self {
        self.with(|probes| probes.disclosure.detail = detail)
    }

    /// Tells everything to requests for which this holds. Default: to none.
    pub fn authorize(self, authorize: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|probes| probes.disclosure.authorize = Some(Arc::new(authorize)))
    }

    /// Whether it does anything at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        self.with(|probes| probes.is_enabled = enabled)
    }
}

impl Probes {
    #[inline]
    pub(super) fn question(&self, path: &str) -> Option<Question> {
        if *path == *self.ready {
            Some(Question::Ready)
        } else if *path == *self.live {
            Some(Question::Live)
        } else if *path == *self.startup {
            Some(Question::Startup)
        } else {
            None
        }
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = HealthService<S>;

    fn layer(&self, inner: S) -> HealthService<S> {
        HealthService::new(inner, Arc::clone(&self.0))
    }
}
