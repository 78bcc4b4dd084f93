//! Where Redis is, and how one gets there.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, TlsMode,
    cluster::ClusterClient,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, TlsCertificates};

use super::link::Line;

/// One server, Sentinels or a cluster, and what they ask for.
#[derive(Clone)]
pub(super) struct Place {
    kind: Kind,
    /// Of one server, of the Sentinels, or of nodes of the cluster.
    addresses: Vec<ConnectionInfo>,
    /// For the master that Sentinels name.
    login: Option<(String, String)>,
    #[cfg(feature = "redis-tls")]
    certificates: Option<TlsCertificates>,
}

#[derive(Clone)]
enum Kind {
    Server,
    /// The name of the master.
    Sentinel(String),
    Cluster,
}

/// How long a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// How long redis-rs waits for an answer: no less than the longest deadline of a store, which gives
/// up by itself.
const ANSWER: Duration = Duration::from_secs(10);
/// A command follows that many redirections in a cluster: one to where a slot is, and one to where it
/// is going. redis-rs counts what it sends again for other reasons among them.
const REDIRECTIONS: u32 = 2;

impl Place {
    pub(super) fn server(address: ConnectionInfo) -> Self {
        Self::new(Kind::Server, vec![address])
    }

    pub(super) fn sentinel(sentinels: Vec<ConnectionInfo>, master: String) -> Self {
        Self::new(Kind::Sentinel(master), sentinels)
    }

    pub(super) fn cluster(nodes: Vec<ConnectionInfo>) -> Self {
        Self::new(Kind::Cluster, nodes)
    }

    fn new(kind: Kind, addresses: Vec<ConnectionInfo>) -> Self {
        Self {
            kind,
            addresses,
            login: None,
            #[cfg(feature = "redis-tls")]
            certificates: None,
        }
    }

    pub(super) fn login(mut self, user: String, password: String) -> Self {
        self.login = Some((user, password));
        self
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn trust(mut self, certificates: Vec<u8>) -> Self {
        self.certificates().root_cert = Some(certificates);
        self
    }

    #[cfg(feature = "redis-tls")]
    pub(super) fn identity(mut self, client_cert: Vec<u8>, client_key: Vec<u8>) -> Self {
        self.certificates().client_tls = Some(ClientTlsConfig { client_cert, client_key });
        self
    }

    #[cfg(feature = "redis-tls")]
    fn certificates(&mut self) -> &mut TlsCertificates {
        let none = TlsCertificates { client_tls: None, root_cert: None };
        self.certificates.get_or_insert(none)
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster)
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Server => "server",
            Kind::Sentinel(_) => "sentinel",
            Kind::Cluster => "cluster",
        }
    }

    /// Whether one could get there, as far as that can be told from here.
    pub(super) fn check(&self) -> Result<(), RedisError> {
        match &self.kind {
            Kind::Server => self.server_client().map(drop),
            Kind::Sentinel(master) => self.sentinel_client(master).map(drop),
            Kind::Cluster => self.cluster_client().map(drop),
        }
    }

    pub(super) async fn connect(&self) -> Result<Line, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        Ok(match &self.kind {
            Kind::Server => {
                let client = self.server_client()?;
                Line::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Kind::Sentinel(master) => {
                let mut client = self.sentinel_client(master)?;
                Line::Server(client.get_async_connection_with_config(&config).await?)
            }
            Kind::Cluster => Line::Cluster(self.cluster_client()?.get_async_connection().await?),
        })
    }

    fn server_client(&self) -> Result<Client, RedisError> {
        let Some(address) = self.addresses.first() else { return Err(nowhere()) };
        let address = address.clone().set_tcp_settings(at_once());
        #[cfg(feature = "redis-tls")]
        if let Some(certificates) = &self.certificates {
            return Client::build_with_tls(address, certificates.clone());
        }
        Client::open(address)
    }

    fn sentinel_client(&self, master: &str) -> Result<SentinelClient, RedisError> {
        let Some(first) = self.addresses.first() else { return Err(nowhere()) };
        let addresses = self.addresses.iter().map(|it| it.addr().clone());
        let mut builder =
            SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
                .set_client_to_redis_tcp_settings(at_once());
        if let Some(user) = first.redis_settings().username() {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = first.redis_settings().password() {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if let Some((user, password)) = &self.login {
            builder =
                builder.set_client_to_redis_username(user).set_client_to_redis_password(password);
        }
        if let ConnectionAddr::TcpTls { insecure, .. } = first.addr() {
            let tls = if *insecure { TlsMode::Insecure } else { TlsMode::Secure };
            builder = builder.set_client_to_redis_tls_mode(tls);
        }
        #[cfg(feature = "redis-tls")]
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        builder.build()
    }

    fn cluster_client(&self) -> Result<ClusterClient, RedisError> {
        let builder = ClusterClient::builder(self.addresses.clone())
            .tcp_settings(at_once())
            .retries(REDIRECTIONS)
            .connection_timeout(CONNECT)
            .response_timeout(ANSWER);
        #[cfg(feature = "redis-tls")]
        let builder = match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()),
            None => builder,
        };
        builder.build()
    }
}

/// A command does not wait until the one before is answered.
fn at_once() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn nowhere() -> RedisError {
    RedisError::from((redis::ErrorKind::InvalidClientConfig, "no address was given"))
}
