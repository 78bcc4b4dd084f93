//! A network that takes its time.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Passes bytes on to a server, some milliseconds late, and later at times.
pub(crate) struct Proxy {
    port: u16,
}

impl Proxy {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the test.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(from, to, 3));
                thread::spawn(move || pass(server, client, 5));
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut random: u64) {
    let mut bytes = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let late = if (random >> 33).is_multiple_of(20) { 40 } else { (random >> 33) % 10 };
        thread::sleep(Duration::from_millis(late));
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
