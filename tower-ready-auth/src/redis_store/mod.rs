mod builder;
mod replay;
mod revoke;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use redis::{Cmd, FromRedisValue, RedisResult, aio::ConnectionManager};

pub use self::builder::RedisStoreBuilder;
use crate::StoreError;

/// What all instances of a service remember together, in Redis: the credentials that were revoked,
/// and the [proofs](crate::Dpop) that came. A cheap handle.
///
/// Each question is one trip, and waits a quarter of a second at most. A Redis that is down, or does
/// not answer in time, lets nobody pass, unless [`fail_open`](crate::AuthBuilder::fail_open) says so
/// of revocations; a connection that broke is made anew.
///
/// ```no_run
/// use std::time::{Duration, SystemTime};
/// use tower_ready_auth::{Auth, Dpop, JwtVerifier, RedisStore};
///
/// # async fn start(tokens: JwtVerifier) -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::builder("redis://127.0.0.1:6379/").build()?;
/// let dpop = Dpop::builder("https://api.example.com").replays(store.clone()).build()?;
/// let auth = Auth::builder().jwt(tokens).dpop(dpop).revocation(store.clone()).build()?;
///
/// store.credential("jti-of-a-token", SystemTime::now() + Duration::from_secs(300)).await?;
/// store.subject("alice").await?;
/// # Ok(())
/// # }
/// ```
///
/// What it keeps, under a prefix: `credential:ID`, which ends by itself soon after the token does;
/// `subject:NAME`, with the milliseconds up to which its tokens are revoked; `key:ID`; and
/// `proof:DIGEST`, for as long as the proof is good. For `rediss`, turn on a feature of the crate
/// `redis` for TLS.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    prefix: Box<str>,
    timeout: Duration,
}

impl RedisStore {
    /// The server at this URL: `redis://:PASSWORD@HOST:PORT/DATABASE`.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }
}

impl Inner {
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

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
