use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

/// Three ports of the loopback that are free, and no two of them the same: all are taken before any is
/// let go.
pub(super) fn free() -> io::Result<[SocketAddr; 3]> {
    let taken = [take()?, take()?, take()?];
    let [first, second, third] = taken.each_ref().map(TcpListener::local_addr);
    Ok([first?, second?, third?])
}

/// Below those that systems give to outgoing connections, so that it is still free when a server comes
/// back to it.
fn take() -> io::Result<TcpListener> {
    let mut last = io::Error::other("no port is free");
    for attempt in 0_u32..50 {
        let random = RandomState::new().hash_one(attempt);
        let port = 20_000 + (random % 10_000) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}
