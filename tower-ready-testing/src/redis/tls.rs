//! A server that speaks TLS.

use super::{Redis, SERVER_IS_READY, any_port, server_args};

/// The certificates of a server of [`Redis::start_tls`], in PEM. They protect nothing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tls {
    /// The port for TLS on 127.0.0.1.
    pub port: u16,
    /// Who signed the server's certificate, and whose clients it lets in.
    pub authority: &'static str,
    /// The certificate of a client.
    pub certificate: &'static str,
    /// Its key.
    pub key: &'static str,
}

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls");

impl Tls {
    /// `rediss://127.0.0.1:port/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}/", self.port)
    }
}

impl Redis {
    /// Starts a server that speaks TLS on a second port, with clients of its own authority alone, as
    /// Redis does unless it is told otherwise.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, it was built without TLS, or it does not start.
    #[must_use]
    pub fn start_tls() -> (Self, Tls) {
        let path = |name: &str| format!("{DIRECTORY}/{name}");
        let redis = Self::launch(
            |port| {
                let tls = any_port().to_string();
                let (authority, server, key) =
                    (path("authority.pem"), path("server.pem"), path("server.key"));
                let mut options = vec!["--tls-port", &tls, "--tls-ca-cert-file", &authority];
                options.extend(["--tls-cert-file", &server, "--tls-key-file", &key]);
                server_args(port, &options)
            },
            SERVER_IS_READY,
            None,
        );
        let port = redis.cli(&["CONFIG", "GET", "tls-port"]);
        let port = port.lines().nth(1).and_then(|port| port.parse().ok());
        let tls = Tls {
            port: port.expect("this redis-server was built without TLS"),
            authority: include_str!("../../fixtures/tls/authority.pem"),
            certificate: include_str!("../../fixtures/tls/server.pem"),
            key: include_str!("../../fixtures/tls/server.key"),
        };
        (redis, tls)
    }
}
