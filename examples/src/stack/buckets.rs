//! Where the buckets of the limits are: in memory, or in a Redis that all instances share.

use std::time::Duration;

use tower_ready_ratelimit::{
    MemoryStore, OnStoreError, Secret,
    store::{
        Either,
        redis::{Mode, RedisClient, RedisStore},
    },
};

use crate::flags::{LimitFlags, Refusal};

/// How many callers are told apart in memory.
const CALLERS: usize = 1_000_000;

/// The key under which instances hash their callers. Redis sees nothing but those hashes, so take
/// one of your own, from where your secrets are: whoever knows it can tell who called.
const SECRET: Secret = Secret::new(*b"the same for all");

/// The buckets, chosen by a flag. A service that always has a Redis uses its store as it is.
pub(crate) type Buckets = Either<MemoryStore, RedisStore>;

/// How long units are held for busy callers.
const LEASE: Duration = Duration::from_secs(1);

/// What a limit over these needs to know.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) redis: Option<RedisStore>,
    pub(super) on_error: OnStoreError,
}

impl Shared {
    /// Connects, if there is somebody to connect to. That nobody answers is no reason not to start.
    pub(super) async fn new(flags: &LimitFlags) -> Result<Self, Refusal> {
        let on_error = flags.on_store_error;
        let Some(url) = &flags.redis else {
            return Ok(Self { redis: None, on_error });
        };
        let client = RedisClient::server(url.as_str()).map_err(|_| {
            Refusal::new("--redis", "is no URL: write one such as redis://HOST:PORT/")
        })?;
        let mode = if flags.leased { Mode::Leased } else { Mode::Exact };
        // A lease has to outlive four of them.
        let lease = LEASE.max(4 * flags.redis_timeout);
        let mut store = RedisStore::builder().mode(mode).deadline(flags.redis_timeout).lease(lease);
        if let Some(instances) = flags.instances {
            store = store.instances(instances);
        }
        let store = store.connect(client).await.map_err(|error| Refusal::new("--redis", error))?;
        Ok(Self { redis: Some(store), on_error })
    }

    /// Buckets for one limit.
    pub(super) fn buckets(&self) -> Result<Buckets, tower_ready_ratelimit::ConfigError> {
        Ok(match &self.redis {
            Some(store) => Either::Right(store.clone()),
            None => Either::Left(MemoryStore::new(CALLERS)?),
        })
    }

    pub(super) fn secret(&self) -> Secret {
        if self.redis.is_some() { SECRET } else { Secret::random() }
    }
}
