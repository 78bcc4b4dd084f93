//! redis-rs as a [`ScriptExecutor`].

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    ServerErrorKind,
    aio::MultiplexedConnection,
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::{SentinelClient, SentinelServerType},
};
use tokio::{runtime::Handle, time};

use tower_ready_core::Instant;

use super::{ExecuteError, Script, ScriptExecutor};

/// A client by redis-rs, for one server, for the master that Sentinels name, or for a cluster.
///
/// It has one connection (to each node of a cluster), which commands share: one is enough for more
/// decisions than Redis makes on one core. A connection that breaks, falls silent or belongs to what
/// is no master any more is replaced in the background; until then commands fail at once.
#[derive(Clone)]
pub struct RedisClient(Arc<Link>);

struct Link {
    to: To,
    line: Mutex<Option<Line>>,
    connects: AtomicBool,
    /// Since when no command was answered, though some were sent. Zero: they are answered.
    silent_since: AtomicU64,
}

enum To {
    Server(Box<Client>),
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String },
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Line {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How long redis-rs waits for an answer: no less than the longest deadline of a store, which gives
/// up by itself.
const ANSWER: Duration = Duration::from_secs(10);
/// A connection that is silent for as long is taken for dead.
const SILENT: Duration = Duration::from_secs(2);

impl RedisClient {
    /// One server: `redis://[user:password@]host[:port][/db]`, `redis+unix:///path`, or, with the
    /// feature `redis-tls`, `rediss://`.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn server(url: impl IntoConnectionInfo) -> Result<Self, RedisError> {
        choose_cryptography();
        Ok(Self::to(To::Server(Box::new(Client::open(url)?))))
    }

    /// The master of the given name, whichever these Sentinels say it is.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub fn sentinel<T: IntoConnectionInfo>(
        sentinels: impl IntoIterator<Item = T>,
        master: impl Into<String>,
    ) -> Result<Self, RedisError> {
        choose_cryptography();
        let sentinels = sentinels.into_iter().map(IntoConnectionInfo::into_connection_info);
        let sentinels = sentinels.collect::<Result<_, _>>()?;
        Ok(Self::to(To::Sentinel { sentinels, master: master.into() }))
    }

    /// The cluster to which these nodes belong.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub fn cluster<T: IntoConnectionInfo>(
        nodes: impl IntoIterator<Item = T>,
    ) -> Result<Self, RedisError> {
        choose_cryptography();
        let client = ClusterClient::builder(nodes).connection_timeout(CONNECT);
        Ok(Self::to(To::Cluster(Box::new(client.response_timeout(ANSWER).build()?))))
    }

    fn to(to: To) -> Self {
        Self(Arc::new(Link {
            to,
            line: Mutex::default(),
            connects: AtomicBool::new(false),
            silent_since: AtomicU64::new(0),
        }))
    }

    /// Sends one command.
    async fn send(&self, command: Cmd) -> Result<Vec<i64>, ExecuteError> {
        let line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(mut line) = line else {
            self.connect();
            return Err(ExecuteError::failed("there is no connection"));
        };
        let unanswered = Unanswered(Some(self));
        let answer = match &mut line {
            Line::Server(line) => command.query_async::<Vec<i64>>(line).await,
            Line::Cluster(line) => command.query_async::<Vec<i64>>(line).await,
        };
        if !answer.as_ref().is_err_and(RedisError::is_timeout) {
            unanswered.answered();
            self.0.silent_since.store(0, Relaxed);
        }
        answer.map_err(|error| {
            if is_fatal(&error) {
                self.replace();
            }
            match error.kind() {
                ErrorKind::Server(ServerErrorKind::NoScript) => ExecuteError::UnknownScript,
                ErrorKind::Server(ServerErrorKind::CrossSlot) => ExecuteError::CrossSlot,
                _ => ExecuteError::failed(error),
            }
        })
    }

    fn replace(&self) {
        // A cluster's connection looks after those to its nodes by itself.
        if !matches!(self.0.to, To::Cluster(_)) {
            *self.0.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.connect();
        }
    }

    /// Connects in the background, once at a time, however often that takes.
    fn connect(&self) {
        if self.0.connects.swap(true, Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            self.0.connects.store(false, Relaxed);
            return;
        };
        let link = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            let mut pause = Duration::from_millis(20);
            while let Some(link) = link.upgrade() {
                if let Ok(Ok(line)) = time::timeout(2 * CONNECT, link.to.connect()).await {
                    link.silent_since.store(0, Relaxed);
                    *link.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
                    link.connects.store(false, Relaxed);
                    return;
                }
                drop(link);
                time::sleep(pause).await;
                pause = (2 * pause).min(CONNECT / 2);
            }
        });
    }
}

/// A command that was sent. Whoever sent it may give up before its answer comes.
struct Unanswered<'a>(Option<&'a RedisClient>);

impl Unanswered<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(client) = self.0 else { return };
        let now = Instant::now();
        let since = &client.0.silent_since;
        if let Err(since) = since.compare_exchange(0, now.as_nanos(), Relaxed, Relaxed)
            && now.since(Instant::from_nanos(since)) > SILENT
        {
            client.replace();
        }
    }
}

impl To {
    async fn connect(&self) -> Result<Line, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        Ok(match self {
            Self::Server(client) => {
                Line::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Sentinel { sentinels, master } => {
                let (sentinels, master) = (sentinels.clone(), master.clone());
                let kind = SentinelServerType::Master;
                let mut client = SentinelClient::build(sentinels, master, None, kind)?;
                Line::Server(client.get_async_connection_with_config(&config).await?)
            }
            Self::Cluster(client) => Line::Cluster(client.get_async_connection().await?),
        })
    }
}

/// Whether the connection is of no more use: it broke, or leads to what is no master any more.
fn is_fatal(error: &RedisError) -> bool {
    (error.is_io_error() && !error.is_timeout())
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// redis-rs leaves the choice to the program. Another one that was made before stands.
fn choose_cryptography() {
    #[cfg(feature = "redis-tls")]
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn command(name: &str, script: &str, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len());
    for word in keys.iter().chain(args) {
        command.arg(word.as_slice());
    }
    command
}

impl ScriptExecutor for RedisClient {
    async fn evalsha(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> Result<Vec<i64>, ExecuteError> {
        self.send(command("EVALSHA", script.sha1(), keys, args)).await
    }

    async fn eval(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> Result<Vec<i64>, ExecuteError> {
        self.send(command("EVAL", script.source(), keys, args)).await
    }
}

/// URLs may hold passwords.
impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0.to {
            To::Server(_) => "RedisClient(server)",
            To::Sentinel { .. } => "RedisClient(sentinel)",
            To::Cluster(_) => "RedisClient(cluster)",
        })
    }
}
