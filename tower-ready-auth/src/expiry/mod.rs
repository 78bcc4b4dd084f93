//! Streams that end when the credentials of their caller do.

mod body;
mod future;
mod layer;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep_until, timeout_at};

pub use self::{
    body::ExpiryBody,
    future::ExpiryFuture,
    layer::{ExpiryLayer, ExpiryService},
};
use crate::{
    Principal, Revocation,
    time::{Clock, Millis},
};

/// When credentials end. A cheap handle.
///
/// A token is checked when a request begins; a stream of events or a WebSocket goes on for days. The
/// [layer](Self::layer) ends the answers that are streams, and a handler that talks over a WebSocket
/// asks [`ended`](Self::ended).
///
/// ```
/// use std::time::Duration;
/// use tower_ready_auth::{Expiry, RevocationList};
///
/// let revoked = RevocationList::new(); // the one of the `Auth`
/// let expiry = Expiry::new().revocation(revoked).every(Duration::from_secs(5));
/// let layer = expiry.layer(); // inside of the `AuthLayer`
/// ```
///
/// And in a WebSocket's loop:
///
/// ```no_run
/// # use tower_ready_auth::{Expiry, Principal};
/// # async fn next_message() -> Option<String> { None }
/// # async fn close(why: &str) {}
/// async fn talk(expiry: Expiry, principal: Principal) {
///     let ended = expiry.ended(&principal);
///     let mut ended = std::pin::pin!(ended);
///     loop {
///         tokio::select! {
///             why = &mut ended => return close(why.as_str()).await,
///             message = next_message() => {
///                 let Some(message) = message else { return };
///                 // …
/// #               drop(message);
///             }
///         }
///     }
/// }
/// ```
#[derive(Clone)]
#[must_use = "an expiry ends nothing until its layer is applied"]
pub struct Expiry(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    revocation: Option<Arc<dyn Revocation>>,
    every: Duration,
    leeway: Duration,
    clock: Clock,
}

const SHORTEST: Duration = Duration::from_millis(1);

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why credentials are good no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Their time is over.
    Expired,
    /// They were revoked.
    Revoked,
}

impl Ended {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Expiry {
    /// Heeds the end that the credentials themselves name.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            revocation: None,
            every: Duration::from_secs(10),
            leeway: Duration::from_secs(30),
            clock: Clock::default(),
        }))
    }

    /// Also asks whether they were revoked, time and again. What cannot be asked just then is asked
    /// the next time. Default: nobody is asked.
    pub fn revocation(self, revocation: impl Revocation) -> Self {
        self.with(|it| it.revocation = Some(Arc::new(revocation)))
    }

    /// How often that is asked, once a day at least. Default: each 10 s.
    pub fn every(self, interval: Duration) -> Self {
        self.with(|it| it.every = interval.clamp(SHORTEST, LONGEST))
    }

    /// How long after their end credentials are still good, which should be as long as for the
    /// verifier. Default: 30 s.
    pub fn leeway(self, leeway: Duration) -> Self {
        self.with(|it| it.leeway = leeway)
    }

    /// The time of day, for tests. Default: the system's.
    pub fn clock(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.with(|it| it.clock = Clock::new(now))
    }

    /// A layer that ends streams. It belongs inside of an [`AuthLayer`](crate::AuthLayer).
    pub fn layer(&self) -> ExpiryLayer {
        ExpiryLayer::new(self.clone())
    }

    /// Waits until these credentials are good no more; for ever, if they have no end and nobody is
    /// asked. It needs the timers of tokio.
    pub fn ended(&self, principal: &Principal) -> impl Future<Output = Ended> + Send + 'static {
        let (it, principal) = (Arc::clone(&self.0), principal.clone());
        async move { it.ended(&principal).await }
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

impl Inner {
    async fn ended(&self, principal: &Principal) -> Ended {
        let end = principal.inner().expires.map(|end| end.plus(self.leeway));
        let start = self.clock.now();
        let left = |end: Millis| Duration::from_millis((end.0 - start.0).max(0).unsigned_abs());
        // Of two clocks, the first that says so is right: one may have been set, the other may have
        // stood still while the machine slept.
        let deadline = end.map(|end| Instant::now() + left(end));
        loop {
            let next = self.revocation.as_ref().map(|_| Instant::now() + self.every);
            match (deadline, next) {
                (None, None) => std::future::pending().await,
                (Some(at), None) | (None, Some(at)) => sleep_until(at).await,
                (Some(deadline), Some(next)) => sleep_until(deadline.min(next)).await,
            }
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_over || end.is_some_and(|end| self.clock.now() >= end) {
                return Ended::Expired;
            }
            if let Some(revocation) = &self.revocation {
                let asked = revocation.is_revoked(principal).wait();
                // Who does not answer must not keep a stream open beyond its end.
                let answer = match deadline {
                    Some(deadline) => timeout_at(deadline, asked).await.ok(),
                    None => Some(asked.await),
                };
                if let Some(Ok(true)) = answer {
                    return Ended::Revoked;
                }
            }
        }
    }
}

impl Default for Expiry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry")
            .field("revocation", &self.0.revocation.is_some())
            .field("every", &self.0.every)
            .field("leeway", &self.0.leeway)
            .finish_non_exhaustive()
    }
}
