use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use redis::{
    Client, Cmd, FromRedisValue, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::Revocation;
use crate::{ConfigError, ConfigErrorKind, Lookup, Principal, StoreError, time::Millis};

/// Revoked credentials in Redis, for all instances of a service. A cheap handle.
///
/// Each request asks once, in one trip, and waits a quarter of a second at most. A Redis that is
/// down, or does not answer in time, lets nobody pass, unless
/// [`fail_open`](crate::AuthBuilder::fail_open) says so; a connection that broke is made anew.
///
/// ```no_run
/// use std::time::{Duration, SystemTime};
/// use tower_ready_auth::RedisRevocation;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let revoked = RedisRevocation::builder("redis://127.0.0.1:6379/").build()?;
/// revoked.credential("jti-4711", SystemTime::now() + Duration::from_secs(300)).await?;
/// revoked.subject("alice").await?;
/// # Ok(())
/// # }
/// ```
///
/// What it keeps, under a prefix: `credential:ID`, which ends by itself when the token does;
/// `subject:NAME`, with the milliseconds up to which its tokens are revoked; and `key:ID`. For
/// `rediss`, turn on a feature of the crate `redis` for TLS.
#[derive(Clone)]
pub struct RedisRevocation(Arc<Inner>);

/// Sets up a [`RedisRevocation`].
#[must_use = "a builder does nothing until `build`"]
pub struct RedisRevocationBuilder {
    url: String,
    prefix: Box<str>,
    timeout: Duration,
}

struct Inner {
    connection: ConnectionManager,
    prefix: Box<str>,
    timeout: Duration,
}

// === impl RedisRevocation ===

impl RedisRevocation {
    /// The server at this URL: `redis://:PASSWORD@HOST:PORT/DATABASE`.
    pub fn builder(url: &str) -> RedisRevocationBuilder {
        RedisRevocationBuilder {
            url: url.to_owned(),
            prefix: "tower-ready-auth:".into(),
            timeout: Duration::from_millis(250),
        }
    }

    /// Revokes a token by its `jti`, or an API key by its id, until the time at which it ends by
    /// itself.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn credential(&self, id: &str, ends: SystemTime) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("credential", id)).arg("1");
        command.arg("PXAT").arg(Millis::of(ends).0.max(1));
        self.0.ask(command).await
    }

    /// Revokes all tokens of a subject that were issued up to now; those without `iat`, and its API
    /// keys, are never taken for newer.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn subject(&self, subject: &str) -> Result<(), StoreError> {
        self.subject_before(subject, SystemTime::now()).await
    }

    /// Revokes all tokens of a subject that were issued up to this time.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn subject_before(&self, subject: &str, time: SystemTime) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("subject", subject)).arg(Millis::of(time).0);
        self.0.ask(command).await
    }

    /// Revokes all tokens that this key signed.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn key(&self, id: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.0.key("key", id)).arg("1");
        self.0.ask(command).await
    }

    /// Lets credentials be good again.
    ///
    /// # Errors
    ///
    /// When Redis did not take it.
    pub async fn restore(&self, value: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("DEL");
        command
            .arg(["credential", "subject", "key"].map(|kind| self.0.key(kind, value)).as_slice());
        self.0.ask(command).await
    }
}

impl Revocation for RedisRevocation {
    fn is_revoked(&self, principal: &Principal) -> Lookup<Result<bool, StoreError>> {
        let (it, principal) = (Arc::clone(&self.0), principal.clone());
        Lookup::later(async move { it.is_revoked(&principal).await })
    }
}

impl Inner {
    async fn is_revoked(&self, principal: &Principal) -> Result<bool, StoreError> {
        let principal = principal.inner();
        let mut command = redis::cmd("MGET");
        command.arg(self.key("subject", &principal.subject));
        let names = [
            ("credential", principal.credential_id.as_deref()),
            ("key", principal.key_id.as_deref()),
        ];
        for (kind, name) in names {
            if let Some(name) = name {
                command.arg(self.key(kind, name));
            }
        }
        let found: Vec<Option<String>> = self.ask(command).await?;
        let (subject, others) = found.split_first().ok_or_else(|| StoreError::new("no answer"))?;
        let by_subject = match subject {
            None => false,
            Some(before) => {
                let before = before.parse().map(Millis).map_err(StoreError::new)?;
                principal.issued.is_none_or(|issued| issued <= before)
            }
        };
        Ok(by_subject || others.iter().any(Option::is_some))
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    fn ask<T: FromRedisValue>(&self, command: Cmd) -> impl Future<Output = Result<T, StoreError>> {
        let mut connection = self.connection.clone();
        let limit = self.timeout;
        async move {
            let answer = tokio::time::timeout(limit, command.query_async(&mut connection)).await;
            let answer: RedisResult<T> = answer.map_err(StoreError::new)?;
            answer.map_err(StoreError::new)
        }
    }
}

impl fmt::Debug for RedisRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocation").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

// === impl RedisRevocationBuilder ===

impl RedisRevocationBuilder {
    /// What stands before each name. Default: `tower-ready-auth:`.
    pub fn prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a request waits, for a new connection as well. Default: 250 ms.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks the settings. It connects with the first request.
    ///
    /// # Errors
    ///
    /// When the URL is none of a Redis, or outside of a tokio runtime.
    pub fn build(self) -> Result<RedisRevocation, ConfigError> {
        // The URL may have a password in it, and so may the error.
        let error = |_| ConfigError::new(ConfigErrorKind::RedisUrl);
        let client = Client::open(self.url).map_err(error)?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(ConfigError::new(ConfigErrorKind::NoRuntime));
        }
        // A request that fails asks for the next attempt; none waits for several.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(error)?;
        let Self { prefix, timeout, .. } = self;
        Ok(RedisRevocation(Arc::new(Inner { connection, prefix, timeout })))
    }
}

impl fmt::Debug for RedisRevocationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocationBuilder")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
