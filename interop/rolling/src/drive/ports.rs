use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

/// A port of the loopback that is free, below those that systems give to outgoing connections, so
/// that it is still free when a server comes back to it.
pub(super) fn free() -> io::Result<SocketAddr> {
    let mut last = io::Error::other("no port is free");
    for attempt in 0_u32..50 {
        let random = RandomState::new().hash_one(attempt);
        let port = 20_000 + (random % 10_000) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => last = error,
        }
    }
    Err(last)
}
