use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_ready_core::Head;
use tower_service::Service;

use super::{
    Detail, Health, ProbeBody,
    answer::{Disclosure, answer},
    report::Question,
};

/// A service that answers probes, wherever you mount it: one question each.
///
/// It says 200 or 503 and one word. A caller that accepts `application/json` or
/// `application/health+json` gets that; `?verbose` asks for a line for each check and `?check=NAME`
/// for one of them, as far as [`detail`](Self::detail) allows.
///
/// ```
/// use axum::{Router, routing::get_service};
/// use tower_ready_shutdown::health::{Detail, Health};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_ready_shutdown::health::ConfigError> {
/// let health = Health::builder().build()?;
/// let public: Router = Router::new().route("/readyz", get_service(health.ready()));
/// let admin: Router =
///     Router::new().route("/health", get_service(health.ready().detail(Detail::Full)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a service does nothing until it is mounted"]
pub struct Endpoint {
    health: Health,
    question: Question,
    disclosure: Disclosure,
}

impl Endpoint {
    pub(super) const fn new(health: Health, question: Question) -> Self {
        Self { health, question, disclosure: Disclosure::minimal() }
    }

    /// How much anybody may be told. Default: [`Detail::Minimal`].
    pub fn detail(mut self, detail: Detail) -> Self {
        self.disclosure.detail = detail;
        self
    }

    /// Tells everything to requests for which this holds. Default: to none.
    pub fn authorize(
        mut self,
        authorize: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.disclosure.authorize = Some(Arc::new(authorize));
        self
    }
}

impl<B> Service<Request<B>> for Endpoint {
    type Response = Response<ProbeBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(answer(&self.health, self.question, &self.disclosure, &request)))
    }
}
