use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use tokio::sync::Semaphore;

use super::{Flights, Inner, Introspection, MAX_CALLS, encoded};
use crate::{
    ConfigError, ConfigErrorKind,
    jwt::{
        cache::{Cache, Unknown},
        claims::Rules,
    },
    outbound::{Outbound, Reach, shown},
    time::Clock,
};

/// Sets up an [`Introspection`]. It needs a client and an audience; the rest has defaults.
#[must_use = "a builder does nothing until `build`"]
pub struct IntrospectionBuilder {
    url: String,
    client: Option<(String, String)>,
    rules: Rules,
    any_audience: bool,
    reach: Reach,
    fresh: Duration,
    refused: Duration,
    cached: usize,
    clock: Clock,
}

impl IntrospectionBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: None,
            rules: Rules::default(),
            any_audience: false,
            reach: Reach { timeout: Duration::from_secs(2), ..Reach::default() },
            fresh: Duration::from_secs(60),
            refused: Duration::from_secs(10),
            cached: 10_000,
            clock: Clock::default(),
        }
    }

    /// Who this service is to the issuer. Default: nobody, which `build` refuses.
    pub fn client(mut self, id: impl Into<String>, password: impl Into<String>) -> Self {
        self.client = Some((id.into(), password.into()));
        self
    }

    /// The issuer that the answer has to name. Default: it need not name any.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.rules.issuers.push(issuer.into());
        self
    }

    /// For whom a token must be. Default: none, which `build` refuses.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// A token may be for anybody, or not say for whom.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Whether a token must have a subject. Default: yes.
    pub fn require_subject(mut self, required: bool) -> Self {
        self.rules.subject_is_required = required;
        self
    }

    /// How long what the issuer says of a good token is believed. Default: a minute.
    pub fn fresh(mut self, fresh: Duration) -> Self {
        self.fresh = fresh;
        self
    }

    /// How long a call may take. Default: 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.reach.timeout = timeout;
        self
    }

    /// The certificates, in PEM, that vouch for the issuer, and no others. Default: the system's.
    pub fn trust_pem(mut self, certificates: impl Into<Box<str>>) -> Self {
        self.reach.roots = Some(certificates.into());
        self
    }

    /// Allows `http`, where nobody is on the way. Default: `https` alone.
    pub fn allow_http(mut self) -> Self {
        self.reach.http = true;
        self
    }

    /// Allows private addresses, where the issuer is in the same network. Default: public ones
    /// alone.
    pub fn allow_private_addresses(mut self) -> Self {
        self.reach.private = true;
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
    /// When a setting is missing or cannot be safe, with its name and what would be right.
    pub fn build(self) -> Result<Introspection, ConfigError> {
        let uri = self.reach.check_url(&self.url)?;
        let Some((id, password)) = self.client.filter(|client| !client.0.is_empty()) else {
            return Err(ConfigError::new(ConfigErrorKind::NoClient));
        };
        let mut rules = self.rules;
        let no_audience = rules.audiences.is_empty() && !self.any_audience;
        if no_audience || rules.audiences.iter().any(|name| name.is_empty()) {
            return Err(ConfigError::new(ConfigErrorKind::NoAudience));
        }
        rules.without_expiry = Some(self.fresh);
        // RFC 6749 §2.3.1: both as in a form, before they are joined.
        let both = format!("{}:{}", encoded(id.as_bytes()), encoded(password.as_bytes()));
        let credentials = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(both)));
        let mut credentials =
            credentials.map_err(|_| ConfigError::new(ConfigErrorKind::NoClient))?;
        credentials.set_sensitive(true);
        Ok(Introspection(Arc::new(Inner {
            uri,
            credentials,
            rules,
            outbound: Outbound::new(&self.reach, 8)?,
            timeout: self.reach.timeout,
            calls: Semaphore::new(MAX_CALLS),
            flights: Flights::new(),
            good: Cache::new(self.cached, self.fresh),
            bad: Unknown::new(self.cached, self.refused),
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for IntrospectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionBuilder")
            .field("at", &shown(&self.url))
            .finish_non_exhaustive()
    }
}
