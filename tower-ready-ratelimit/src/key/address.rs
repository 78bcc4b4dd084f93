use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::Extensions;

use super::{
    Cidr, CidrError, Found, Key, KeyBuf,
    cidr::{left_aligned, mask},
    forwarded::Style,
};
use crate::{Head, error::ConfigErrorKind};

/// One bucket for each client address.
///
/// 1. The walk starts at the peer of the socket, and no header is believed unless that is a proxy
///    that you [trust](Self::trust), or you count the [hops](Self::hops).
/// 2. It goes through the entries from the right. The first address that is no trusted proxy is the
///    client; an entry that is no address ends the walk at the last good one. Nothing left of there
///    is read, so no caller can choose its own key.
/// 3. An IPv4 address that is written as IPv6 is IPv4. Of an IPv6 address the first 64 bits count,
///    since that is what one subscriber gets: with all 128 each could have 2⁶⁴ buckets. Whoever can
///    have a whole /48 meets a second policy with [`ipv6_prefix(48)`](Self::ipv6_prefix).
///
/// ```
/// use tower_ready_ratelimit::{Policy, Quota, key::Address};
///
/// let client = Address::peer().trust(["10.0.0.0/8", "2001:db8::/32"]);
/// let policies = [
///     Policy::new("address", Quota::per_second(20)).key(client.clone()),
///     Policy::new("network", Quota::per_second(200)).key(client.ipv6_prefix(48)),
/// ];
/// ```
#[derive(Clone)]
pub struct Address {
    sources: Vec<Source>,
    proxies: Vec<Cidr>,
    hops: Option<u32>,
    style: Style,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    error: Option<CidrError>,
}

type Source = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

impl Address {
    /// The peer of the socket: a `SocketAddr` or an `IpAddr` in the extensions of the request,
    /// where a hyper server leaves it. Hosts that wrap it have a setter of their own.
    #[must_use]
    pub fn peer() -> Self {
        Self {
            sources: Vec::new(),
            proxies: Vec::new(),
            hops: None,
            style: Style::XForwardedFor,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            error: None,
        }
        .source(|extensions| extensions.get().map(SocketAddr::ip))
        .source(|extensions| extensions.get().copied())
    }

    /// Another place where the peer's address may be, looked at after those before it.
    #[must_use]
    pub fn source(
        mut self,
        source: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// Also looks where `axum` leaves it: `ConnectInfo<SocketAddr>`, which
    /// `into_make_service_with_connect_info` puts there.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn axum(self) -> Self {
        self.source(|extensions| {
            let info = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
            info.map(|info| info.0.ip())
        })
    }

    /// Also looks where tonic's server leaves it: `TcpConnectInfo`.
    #[cfg(feature = "tonic")]
    #[must_use]
    pub fn tonic(self) -> Self {
        self.source(|extensions| {
            let info = extensions.get::<tonic::transport::server::TcpConnectInfo>();
            Some(info?.remote_addr()?.ip())
        })
    }

    /// The proxies whose header is believed, as ranges of addresses. Default: none.
    ///
    /// A text that is no range is refused when the limiter is built.
    #[must_use]
    pub fn trust<T: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = T>) -> Self {
        for proxy in proxies {
            match proxy.as_ref().parse() {
                Ok(range) => self.proxies.push(range),
                Err(error) => self.error = self.error.or(Some(error)),
            }
        }
        self
    }

    /// How many proxies stand before this server, where their addresses are not known. Default: the
    /// addresses decide.
    ///
    /// It only holds if nobody can reach the server around them.
    #[must_use]
    pub const fn hops(mut self, hops: u32) -> Self {
        self.hops = Some(hops);
        self
    }

    /// Reads `Forwarded` (RFC 7239). Default: `X-Forwarded-For`. Never both, since a proxy that
    /// writes one passes the other on as the caller sent it.
    #[must_use]
    pub const fn forwarded(mut self) -> Self {
        self.style = Style::Forwarded;
        self
    }

    /// How many bits of an IPv4 address count. Default: 32.
    #[must_use]
    pub const fn ipv4_prefix(mut self, bits: u8) -> Self {
        self.ipv4_prefix = bits;
        self
    }

    /// How many bits of an IPv6 address count. Default: 64.
    #[must_use]
    pub const fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = bits;
        self
    }

    /// The address of the client, whole.
    #[must_use]
    pub fn of(&self, head: &Head<'_>) -> Option<IpAddr> {
        let mut client = self.sources.iter().find_map(|source| source(head.extensions()))?;
        client = client.to_canonical();
        let mut left = self.hops.unwrap_or(u32::MAX);
        if left == 0 || !self.believes(client) {
            return Some(client);
        }
        for hop in self.style.hops(head.headers()) {
            let Some(hop) = hop else { break };
            client = hop.to_canonical();
            left -= 1;
            if left == 0 || !self.believes(client) {
                break;
            }
        }
        Some(client)
    }

    /// Writes the key of an address, to look its bucket up by hand.
    pub fn put(&self, address: IpAddr, key: &mut KeyBuf) {
        let (bits, v6) = left_aligned(address.to_canonical());
        if v6 {
            let kept = bits & mask(self.ipv6_prefix);
            key.put(&[6]);
            key.put(&kept.to_be_bytes()[..usize::from(self.ipv6_prefix.min(128)).div_ceil(8)]);
        } else {
            let kept = bits & mask(self.ipv4_prefix);
            key.put(&kept.to_be_bytes()[..4]);
        }
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.hops.is_some() || self.proxies.iter().any(|range| range.contains(address))
    }
}

impl Key for Address {
    fn write(&self, head: &Head<'_>, key: &mut KeyBuf) -> Found {
        match self.of(head) {
            Some(address) => {
                self.put(address, key);
                Found::Key
            }
            None => Found::Missing,
        }
    }

    fn check(&self) -> Result<(), ConfigErrorKind> {
        if let Some(error) = &self.error {
            Err(ConfigErrorKind::Proxy(error.clone()))
        } else if self.hops.is_some() && !self.proxies.is_empty() {
            Err(ConfigErrorKind::HopsAndProxies)
        } else if self.ipv4_prefix > 32 || self.ipv6_prefix > 128 {
            Err(ConfigErrorKind::Prefix)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("proxies", &self.proxies)
            .field("hops", &self.hops)
            .field("header", &self.style)
            .field("ipv4_prefix", &self.ipv4_prefix)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "address_tests.rs"]
mod tests;
