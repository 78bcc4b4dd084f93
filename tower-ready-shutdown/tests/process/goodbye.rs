//! How a client of HTTP/2 is told to go, on hosts that tell it late.

use crate::{
    child::{Server, exit, role},
    host,
    wire::Http2,
};

/// RFC 9113 §6.8: no call more is to be opened, and none that was is refused.
const ANY: u32 = 0x7fff_ffff;

fn told(name: &str, host: &str) {
    if let Some(role) = role() {
        exit(host::serve(&role));
    }
    let server = Server::start(name, &format!("{host} 1 2000 10000"));
    let mut client = Http2::connect(server.address);
    client.get(1);
    assert_eq!(client.answers(1), Ok(1));
    server.terminate();
    assert_eq!(client.goaway(), Ok(ANY));
    // A call that was about to be sent just then.
    client.get(1);
    assert_eq!(client.answers(1), Ok(1));
    drop(client);
    let left = server.left();
    assert!(left.status.success(), "{left:?}");
}

#[test]
fn of_tonic_a_call_at_the_last_moment_is_served() {
    told("goodbye::of_tonic_a_call_at_the_last_moment_is_served", "tonic");
}

#[test]
fn of_hyper_a_call_at_the_last_moment_is_served() {
    told("goodbye::of_hyper_a_call_at_the_last_moment_is_served", "hyper");
}

#[test]
fn of_axum_a_call_at_the_last_moment_is_served() {
    told("goodbye::of_axum_a_call_at_the_last_moment_is_served", "axum-listener");
}
