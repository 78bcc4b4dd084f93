//! Addresses that a service on the net cannot have.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

/// Whether an address is of a private network, the machine itself, or none to call at all.
///
/// Who may name a URL could else make the service call what only it can reach, such as the metadata
/// of its cloud at 169.254.169.254.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || a == 0
        || a >= 224 // multicast and reserved
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, RFC 6598
        || (a == 192 && b == 0 && v4.octets()[2] == 0) // RFC 6890
        || (a == 198 && (18..20).contains(&b)) // benchmarks, RFC 2544
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        // An IPv4 address behind a translator (RFC 6052).
        return is_private_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    }
    // All that is given to hosts on the net is 2000::/3 (RFC 4291 §2.4); the rest is local, reserved
    // or multicast, or hides an IPv4 address.
    segments[0] & 0xe000 != 0x2000
        || segments[0] == 0x2001 && segments[1] < 0x200 // Teredo and other purposes, RFC 2928
        || segments[..2] == [0x2001, 0xdb8]
        || segments[0] == 0x2002 // 6to4, which hides an IPv4 address
        || segments[0] == 0x3fff && segments[1] < 0x1000 // documentation, RFC 9637
}

/// Looks names up, and forgets the addresses that may not be called. The connection goes to what it
/// found, so a name that leads elsewhere at the next look gains nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver {
    pub(super) private: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = found.filter(|it| private || !is_private(it.ip()));
            let allowed: Vec<_> = allowed.collect();
            if allowed.is_empty() {
                return Err(io::Error::other("the name leads to no address that may be called"));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_form() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "::7f00:1",
            "2002:7f00:1::",
            "64:ff9b:1::a9fe:a9fe",
            "::ffff:0:a9fe:a9fe",
            "2001:0:a9fe:a9fe::",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in [
            "93.184.216.34",
            "8.8.8.8",
            "2606:2800:220:1::1",
            "2001:4860::8888",
            "64:ff9b::808:808",
        ] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
