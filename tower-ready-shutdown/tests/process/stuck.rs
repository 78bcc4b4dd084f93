//! Whatever a client does, the process ends within its budget and says what it cut.

use std::time::Duration;

use tower_ready_core::Instant;

use crate::{
    child::{Left, Server, exit, role},
    host,
    wire::Wire,
};

/// Lame duck none, drain 3 s, hooks 1 s.
const BUDGET: Duration = Duration::from_secs(4);

/// What the machine may add while others keep it busy.
const BUSY: Duration = Duration::from_secs(3);

/// Starts a server, lets a client do something, and tells the server to end.
fn end(name: &str, host: &str, client: impl FnOnce(&mut Wire)) -> (Left, Wire) {
    if let Some(role) = role() {
        exit(host::serve(&role));
    }
    let server = Server::start(name, &format!("{host} 2 0 3000"));
    let mut wire = Wire::connect(server.address);
    client(&mut wire);
    // Another one, whose answer tells that the server has seen what was sent before.
    let mut other = Wire::connect(server.address);
    if host != "tls" {
        other.get("/");
        other.answer().unwrap();
    }
    let began = Instant::now();
    server.terminate();
    let left = server.left();
    let took = Instant::now().since(began);
    assert!(took < BUDGET + BUSY, "it took {took:?}");
    (left, wire)
}

/// No work is cut: the process ends well before its budget is over, as a success.
fn no_work(name: &str, host: &str, client: impl FnOnce(&mut Wire)) {
    let (left, _wire) = end(name, host, client);
    assert!(left.status.success(), "{left:?}");
    assert!(left.took < Duration::from_millis(2_800), "it waited for the deadline: {left:?}");
}

/// Work is cut: the process says which, and fails.
fn cut(name: &str, host: &str, what: &str, client: impl FnOnce(&mut Wire)) -> Wire {
    let (left, wire) = end(name, host, client);
    assert!(!left.status.success(), "{left:?}");
    assert!(left.stderr.contains(what), "{left:?}");
    wire
}

const HALF: &str = "GET / HTTP/1.1\r\nhost: te";

macro_rules! stuck {
    ($($test:ident: $how:ident($($args:expr),*);)*) => {$(
        #[test]
        fn $test() {
            let _wire = $how(concat!("stuck::", stringify!($test)), $($args),*);
        }
    )*};
}

stuck! {
    a_silent_connection_on_axum: no_work("axum", |_| {});
    a_silent_connection_on_hyper: no_work("hyper", |_| {});
    a_silent_connection_on_tonic: no_work("tonic", |_| {});
    half_a_head_on_axum: no_work("axum", |wire| wire.send(HALF));
    half_a_head_on_hyper: no_work("hyper", |wire| wire.send(HALF));
    half_a_head_after_an_answer_on_axum: no_work("axum", half_after_an_answer);
    half_a_head_after_an_answer_on_hyper: no_work("hyper", half_after_an_answer);
    a_silent_preface_on_axum: no_work("axum", |wire| wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    a_silent_preface_on_hyper: no_work("hyper", |wire| wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    a_silent_preface_on_tonic: no_work("tonic", |wire| wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    a_silent_connection_on_a_listener_alone: no_work("axum-listener", |_| {});
    half_a_head_on_a_listener_alone: no_work("axum-listener", |wire| wire.send(HALF));
    a_silent_preface_on_a_listener_alone:
        no_work("axum-listener", |wire| wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    half_a_handshake: no_work("tls", |wire| wire.send([22, 3]));
    an_idle_connection_on_axum: no_work("axum", idle);
    an_idle_connection_on_hyper: no_work("hyper", idle);
    an_idle_connection_on_tonic: no_work("tonic", idle);
    a_stalled_upload_on_axum: cut("axum", "POST /echo", upload);
    a_stalled_upload_on_hyper: cut("hyper", "POST /echo", upload);
    a_stalled_upload_on_tonic: cut("tonic", "POST /echo", upload);
    a_slow_reader_on_axum: cut("axum", "GET /flood", |wire| wire.get("/flood"));
    a_slow_reader_on_hyper: cut("hyper", "GET /flood", |wire| wire.get("/flood"));
    an_upgraded_connection_on_axum: cut("axum", "upgraded connection", upgrade);
    an_upgraded_connection_on_hyper: cut("hyper", "upgraded connection", upgrade);
}

fn half_after_an_answer(wire: &mut Wire) {
    idle(wire);
    wire.send(HALF);
}

fn idle(wire: &mut Wire) {
    wire.get("/");
    wire.answer().unwrap();
}

fn upload(wire: &mut Wire) {
    wire.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf");
}

fn upgrade(wire: &mut Wire) {
    wire.send(
        "GET /upgrade HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: deaf\r\n\r\n",
    );
    assert!(wire.answer().unwrap().starts_with("HTTP/1.1 101"));
}

/// HTTP/1.0 has bodies that end with the connection.
fn old_stream(wire: &mut Wire) {
    wire.send("GET /stream HTTP/1.0\r\n\r\n");
    assert!(wire.answer().unwrap().starts_with("HTTP/1.0 200"));
}

#[test]
fn an_endless_stream_does_not_look_whole() {
    for host in ["axum", "hyper"] {
        let name = "stuck::an_endless_stream_does_not_look_whole";
        let mut wire = cut(name, host, "GET /stream", old_stream);
        assert!(wire.rest().1, "on {host} the client saw an end, and no break");
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    for host in ["axum", "axum-listener", "hyper", "tonic"] {
        let name = "stuck::a_slow_answer_is_waited_for";
        let (left, mut wire) = end(name, host, |wire| wire.get("/slow"));
        assert!(left.status.success(), "{left:?}");
        assert!(wire.answer().unwrap().ends_with("slow"));
    }
}
