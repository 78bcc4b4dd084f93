use std::{fmt, net::IpAddr, sync::Arc, time::SystemTime};

use aws_lc_rs::{constant_time, hmac};

use super::{
    ApiKey, ApiKeyRecord, ApiKeyStore, MemoryKeys,
    format::{Format, Parts},
};
use crate::{
    ConfigError, ConfigErrorKind, Lookup, Principal, Reason, TokenError, digest::sha256,
    time::Clock,
};

/// Checks API keys, and makes them. A cheap handle.
///
/// 1. A key is `PREFIX_ENV_ID_SECRET` with a checksum: 256 random bits, a public id for logs and
///    lists, and a form that scanners of leaked secrets find. A slip or a guess fails at the
///    checksum, without a look into the store.
/// 2. At rest is a SHA-256 of the secret, or an HMAC under a [pepper](ApiKeysBuilder::pepper). A
///    slow hash, as passwords need, would protect nothing more here, and cost each request
///    milliseconds.
/// 3. An id that nobody has and a wrong secret are the same to whoever asks, in words and in time.
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

/// Sets up [`ApiKeys`].
#[must_use = "a builder does nothing until `build`"]
pub struct ApiKeysBuilder {
    prefix: Box<str>,
    environment: Box<str>,
    store: Arc<dyn ApiKeyStore>,
    pepper: Option<Vec<u8>>,
    clock: Clock,
}

struct Inner {
    format: Format,
    store: Arc<dyn ApiKeyStore>,
    pepper: Option<hmac::Key>,
    clock: Clock,
}

// === impl ApiKeys ===

impl ApiKeys {
    /// Keys that begin with `PREFIX_ENV_`: your name, and `live` or `test` or the like.
    pub fn builder(prefix: &str, environment: &str) -> ApiKeysBuilder {
        ApiKeysBuilder {
            prefix: prefix.into(),
            environment: environment.into(),
            store: Arc::new(MemoryKeys::new()),
            pepper: None,
            clock: Clock::default(),
        }
    }

    /// A new key, and the record of it that goes into the store. The key is shown once, to its
    /// owner, and kept nowhere.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn generate(&self, owner: &str) -> Result<(ApiKey, ApiKeyRecord), ConfigError> {
        let (key, id) = self.0.format.generate()?;
        let parts = self.0.format.parse(key.as_bytes());
        let secret = parts.map_or("", |parts| parts.secret);
        let digest = self.0.digest(secret);
        let peppered = self.0.pepper.is_some();
        let record = ApiKeyRecord::new(id, owner.to_owned(), digest, peppered);
        Ok((ApiKey(key.into_boxed_str()), record))
    }

    /// Whether a text means to be a key of these, good or not.
    pub(crate) fn is_meant(&self, text: &[u8]) -> bool {
        self.0.format.is_meant(text)
    }

    /// The public id of a text that has the form of a key, good or not.
    pub(crate) fn id<'a>(&self, text: &'a [u8]) -> Option<&'a str> {
        self.0.format.parse(text).map(|parts| parts.id)
    }

    /// Who has this key, if it is good and comes from there.
    pub fn verify(
        &self,
        key: &[u8],
        source: Option<IpAddr>,
    ) -> Lookup<Result<Principal, TokenError>> {
        let Some(Parts { id, secret }) = self.0.format.parse(key) else {
            return Lookup::Ready(Err(Reason::MalformedKey.into()));
        };
        let digest = self.0.digest(secret);
        match self.0.store.find(id) {
            Lookup::Ready(Ok(record)) => {
                Lookup::Ready(self.0.check(record.as_deref(), &digest, source))
            }
            Lookup::Ready(Err(error)) => Lookup::Ready(Err(error.into())),
            Lookup::Later(found) => {
                let keys = self.clone();
                Lookup::later(async move {
                    let record = found.await.map_err(TokenError::from)?;
                    keys.0.check(record.as_deref(), &digest, source)
                })
            }
        }
    }
}

impl Inner {
    fn digest(&self, secret: &str) -> [u8; 32] {
        match &self.pepper {
            None => sha256(secret.as_bytes()),
            Some(pepper) => {
                let mut digest = [0; 32];
                digest.copy_from_slice(hmac::sign(pepper, secret.as_bytes()).as_ref());
                digest
            }
        }
    }

    fn check(
        &self,
        record: Option<&ApiKeyRecord>,
        digest: &[u8; 32],
        source: Option<IpAddr>,
    ) -> Result<Principal, TokenError> {
        // An id that nobody has is compared as well, with a digest that no secret has.
        let expected = record.map_or(&[0; 32], ApiKeyRecord::digest);
        let is_equal = constant_time::verify_slices_are_equal(expected, digest).is_ok();
        let record = record.filter(|it| is_equal && it.is_peppered() == self.pepper.is_some());
        let record = record.ok_or(Reason::BadKey)?;
        // What follows is told to whoever has the secret alone.
        let now = self.clock.now();
        let reason = match () {
            () if record.is_over(now) => Reason::Expired,
            () if record.is_early(now) => Reason::NotYetValid,
            () if !record.may_come_from(source) => Reason::WrongAddress,
            () => return Ok(record.principal().clone()),
        };
        Err(TokenError::whose(reason, record.principal()))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("format", &self.0.format)
            .field("peppered", &self.0.pepper.is_some())
            .finish_non_exhaustive()
    }
}

// === impl ApiKeysBuilder ===

impl ApiKeysBuilder {
    /// Where the records are: a [`MemoryKeys`], a [`FileKeys`](crate::FileKeys) or your own.
    /// Default: nowhere, so that no key is good.
    pub fn store(mut self, store: impl ApiKeyStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// A secret of the service, of 32 bytes at least, without which the digests in the store say
    /// nothing even about a secret that was chosen badly. Records made without it are not good with
    /// it. Default: none.
    pub fn pepper(mut self, pepper: impl Into<Vec<u8>>) -> Self {
        self.pepper = Some(pepper.into());
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
    /// When the prefix or the environment is not plain, or the pepper is short.
    pub fn build(self) -> Result<ApiKeys, ConfigError> {
        let format = Format::new(&self.prefix, &self.environment)?;
        if self.pepper.as_ref().is_some_and(|pepper| pepper.len() < 32) {
            return Err(ConfigError::new(ConfigErrorKind::ShortPepper));
        }
        let pepper = self.pepper.map(|pepper| hmac::Key::new(hmac::HMAC_SHA256, &pepper));
        Ok(ApiKeys(Arc::new(Inner { format, store: self.store, pepper, clock: self.clock })))
    }
}

impl fmt::Debug for ApiKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeysBuilder")
            .field("prefix", &self.prefix)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
