//! What others do for a decision: one command, through the same client.

use std::{convert::Infallible, future::Future, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use redis::aio::MultiplexedConnection;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::GlobalKeyExtractor,
};

/// A token bucket as one moment, as redis-cell keeps it, in the least Lua that does it.
pub(crate) const GCRA: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + ARGV[1]
if full - now > tonumber(ARGV[2]) then return {0, full - now} end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return {1, full - now}";

/// A counter for a window that expires, as limitador keeps it.
pub(crate) const WINDOW: &str = "
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], 60) end
return {count, redis.call('TTL', KEYS[1])}";

#[derive(Clone)]
pub(crate) struct Peer {
    connection: MultiplexedConnection,
    sha1: Option<String>,
}

impl Peer {
    pub(crate) async fn connect(url: &str, script: Option<&str>) -> Self {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let sha1 = match script {
            Some(script) => {
                let mut load = redis::cmd("SCRIPT");
                Some(load.arg("LOAD").arg(script).query_async(&mut connection).await.unwrap())
            }
            None => None,
        };
        Self { connection, sha1 }
    }

    pub(crate) async fn call(mut self, caller: u64) {
        let key = format!("peer:{caller}");
        match self.sha1 {
            None => {
                let mut command = redis::cmd("INCR");
                let _: i64 = command.arg(key).query_async(&mut self.connection).await.unwrap();
            }
            Some(sha1) => {
                let mut command = redis::cmd("EVALSHA");
                command.arg(sha1).arg(1).arg(key).arg(1).arg(1_000_000);
                let _: Vec<i64> = command.query_async(&mut self.connection).await.unwrap();
            }
        }
    }
}

/// The layer around a service that does nothing.
pub(crate) fn governor() -> impl Call + Clone + Send + 'static {
    let config = GovernorConfigBuilder::default()
        .key_extractor(GlobalKeyExtractor)
        .period(Duration::from_nanos(1))
        .burst_size(1_000_000)
        .finish()
        .unwrap();
    let inner =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    Governed(GovernorLayer::<_, _, Body>::new(config).layer(inner))
}

/// Whatever can be called once more.
pub(crate) trait Call {
    fn call(&mut self) -> impl Future<Output = ()> + Send;
}

#[derive(Clone)]
struct Governed<S>(S);

impl<S> Call for Governed<S>
where
    S: Service<Request<()>, Response = Response<Body>> + Send,
    S::Future: Send,
{
    async fn call(&mut self) {
        let Ok(ready) = self.0.ready().await else { panic!("it is infallible") };
        let Ok(_) = ready.call(Request::new(())).await else { panic!("it is infallible") };
    }
}
