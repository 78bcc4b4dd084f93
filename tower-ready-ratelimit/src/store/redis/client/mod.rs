//! redis-rs as a [`ScriptExecutor`].

mod link;
mod place;

use std::{fmt, sync::Arc};

use redis::{Cmd, IntoConnectionInfo, RedisError};

use self::{link::Link, place::Place};
use super::{ExecuteError, Script, ScriptExecutor};

/// A client by redis-rs, for one server, for the master that Sentinels name, or for a cluster.
///
/// It has one connection (to each node of a cluster), which commands share: one is enough for more
/// decisions than Redis makes on one core. A connection that breaks, falls silent or belongs to what
/// is no master any more is replaced in the background; until then commands fail at once.
///
/// In a cluster a command follows up to two redirections. One whose connection broke may be sent once
/// more, and then take twice, which never lets more pass.
#[derive(Clone)]
pub struct RedisClient(Arc<Link>);

impl RedisClient {
    /// One server: `redis://[user:password@]host[:port][/db]`, `redis+unix:///path`, or, with the
    /// feature `redis-tls`, `rediss://`.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn server(url: impl IntoConnectionInfo) -> Result<Self, RedisError> {
        Self::at(Place::server(url.into_connection_info()?))
    }

    /// The master of the given name, whichever these Sentinels say it is. The URLs say what the
    /// Sentinels ask for; what the master asks for says [`login`](Self::login). It is spoken to over
    /// TLS if the Sentinels are.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub fn sentinel<T: IntoConnectionInfo>(
        sentinels: impl IntoIterator<Item = T>,
        master: impl Into<String>,
    ) -> Result<Self, RedisError> {
        let sentinels = sentinels.into_iter().map(IntoConnectionInfo::into_connection_info);
        Self::at(Place::sentinel(sentinels.collect::<Result<_, _>>()?, master.into()))
    }

    /// The cluster to which these nodes belong. The URLs say what all its nodes ask for.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub fn cluster<T: IntoConnectionInfo>(
        nodes: impl IntoIterator<Item = T>,
    ) -> Result<Self, RedisError> {
        let nodes = nodes.into_iter().map(IntoConnectionInfo::into_connection_info);
        Self::at(Place::cluster(nodes.collect::<Result<_, _>>()?))
    }

    /// The user, often `default`, and the password that the master behind Sentinels asks for. Default:
    /// none.
    ///
    /// # Errors
    ///
    /// As those of where it leads.
    pub fn login(
        self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, RedisError> {
        Self::at(self.0.place.clone().login(user.into(), password.into()))
    }

    /// The certificates, in PEM, that vouch for the servers, and no others. Default: the system's.
    ///
    /// # Errors
    ///
    /// When these are none, or a URL does not begin with `rediss`.
    #[cfg(feature = "redis-tls")]
    pub fn trust_pem(self, certificates: impl Into<Vec<u8>>) -> Result<Self, RedisError> {
        Self::at(self.0.place.clone().trust(certificates.into()))
    }

    /// The certificate and key, in PEM, by which this client is known to the servers. Redis asks for
    /// them unless it is told `tls-auth-clients no`. Default: none.
    ///
    /// # Errors
    ///
    /// When these are none, or a URL does not begin with `rediss`.
    #[cfg(feature = "redis-tls")]
    pub fn identity_pem(
        self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Result<Self, RedisError> {
        Self::at(self.0.place.clone().identity(certificate.into(), key.into()))
    }

    fn at(place: Place) -> Result<Self, RedisError> {
        choose_cryptography();
        place.check()?;
        Ok(Self(Arc::new(Link::new(place))))
    }
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
        self.0.send(command("EVALSHA", script.sha1(), keys, args)).await
    }

    async fn eval(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
    ) -> Result<Vec<i64>, ExecuteError> {
        self.0.send(command("EVAL", script.source(), keys, args)).await
    }
}

/// URLs may hold passwords.
impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisClient({})", self.0.place.kind())
    }
}
