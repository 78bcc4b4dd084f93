use std::{fmt, sync::Arc, time::Duration};

use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::{Inner, RedisStore};
use crate::{ConfigError, ConfigErrorKind};

/// Sets up a [`RedisStore`].
#[must_use = "a builder does nothing until `build`"]
pub struct RedisStoreBuilder {
    url: String,
    prefix: Box<str>,
    timeout: Duration,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: "tower-ready-auth:".into(),
            timeout: Duration::from_millis(250),
        }
    }

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
    pub fn build(self) -> Result<RedisStore, ConfigError> {
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
        Ok(RedisStore(Arc::new(Inner { connection, prefix, timeout })))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
