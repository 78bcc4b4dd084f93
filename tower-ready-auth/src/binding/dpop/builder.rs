use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Uri;

use super::{Dpop, Inner, nonce::Nonces, origin::Origin};
use crate::{ConfigError, ConfigErrorKind, ReplayList, ReplayStore, time::Clock};

/// Sets up a [`Dpop`].
#[must_use = "a builder does nothing until `build`"]
pub struct DpopBuilder {
    origin: String,
    required: bool,
    window: Duration,
    nonces: Option<Vec<u8>>,
    nonce_life: Duration,
    replays: Arc<dyn ReplayStore>,
    clock: Clock,
}

/// Proofs are remembered for as long as they are good.
const LONGEST: Duration = Duration::from_secs(60 * 60);

impl DpopBuilder {
    pub(super) fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            required: false,
            window: Duration::from_secs(60),
            nonces: None,
            nonce_life: Duration::from_secs(5 * 60),
            replays: Arc::new(ReplayList::new()),
            clock: Clock::default(),
        }
    }

    /// Whether every token has to be bound to a key. Default: those that are, as their issuer
    /// decides.
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// How old a proof may be, an hour at most. Default: a minute, and half a minute for clocks that
    /// differ.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Asks for a nonce of this service in each proof, so that nobody can make one in advance (RFC
    /// 9449 §9). A client without one gets it with a 401, in the header `DPoP-Nonce`. The secret, of
    /// 32 bytes at least, is that of all instances. Default: no nonces.
    pub fn nonces(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.nonces = Some(secret.into());
        self
    }

    /// How long a nonce is given out; it is good for as long again. Default: five minutes.
    pub fn nonce_life(mut self, life: Duration) -> Self {
        self.nonce_life = life;
        self
    }

    /// Where proofs that came are remembered. Default: in the memory of this instance, so that
    /// another instance takes a proof a second time.
    pub fn replays(mut self, store: impl ReplayStore) -> Self {
        self.replays = Arc::new(store);
        self
    }

    /// The time of day, for tests. Default: the system's.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When the origin is no scheme and host, the secret of nonces is short, or a time makes no
    /// sense.
    pub fn build(self) -> Result<Dpop, ConfigError> {
        let uri = self.origin.parse::<Uri>().ok().filter(|uri| uri.path() == "/");
        let origin = uri.and_then(|uri| Origin::of(&uri));
        let error = || ConfigError::new(ConfigErrorKind::Origin).about(&self.origin);
        if self.nonces.as_ref().is_some_and(|secret| secret.len() < 32) {
            return Err(ConfigError::new(ConfigErrorKind::NonceSecret));
        }
        if [self.window, self.nonce_life].iter().any(|it| it.is_zero() || *it > LONGEST) {
            return Err(ConfigError::new(ConfigErrorKind::ProofTime));
        }
        Ok(Dpop(Arc::new(Inner {
            origin: origin.ok_or_else(error)?,
            required: self.required,
            window: self.window,
            nonces: self.nonces.map(|secret| Nonces::new(&secret, self.nonce_life)),
            replays: self.replays,
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for DpopBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopBuilder").field("origin", &self.origin).finish_non_exhaustive()
    }
}
