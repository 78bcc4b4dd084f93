use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::Head;

use crate::{Auth, AuthService};

pub(crate) type Predicate = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// Asks who calls, and lets nobody in who cannot prove it.
///
/// It holds a handle of its [`Auth`] and nothing else: however often a host applies it, all of its
/// services share one throttle and one cache.
#[derive(Clone)]
#[must_use = "a layer protects nothing until it is applied"]
pub struct AuthLayer {
    auth: Auth,
    condition: Option<Predicate>,
}

impl AuthLayer {
    /// A layer of this `Auth`, or of a [`JwtVerifier`](crate::JwtVerifier) or
    /// [`ApiKeys`](crate::ApiKeys) with its defaults.
    pub fn new(auth: impl Into<Auth>) -> Self {
        Self { auth: auth.into(), condition: None }
    }

    /// Lets all requests for which this does not hold pass by, as nobody. Default: none.
    ///
    /// Beware of paths: a router may find a route under more spellings than a condition thinks of.
    /// [`AuthBuilder::open`](crate::AuthBuilder::open) compares exactly.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Whether it asks at all. Default: yes.
    pub fn enabled(self, enabled: bool) -> Self {
        if enabled { self } else { self.when(|_| false) }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService::new(inner, self.auth.clone(), self.condition.clone())
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("auth", &self.auth)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
