//! Requests that were in the queues of the kernel when the signal came are answered.
//!
//! The server is stopped in its tracks, so that all of them are there before the signal is, without
//! any luck of timing.

use crate::{
    child::{Server, exit, role},
    host,
    wire::{Http2, Wire},
};

const CONNECTIONS: usize = 100;

/// Connects while the server stands still, and so has not accepted anybody.
fn fresh(name: &str, role_of_server: &str) {
    if let Some(role) = role() {
        exit(host::serve(&role));
    }
    let server = Server::start(name, role_of_server);
    server.freeze();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Wire::connect(server.address)).collect();
    clients.iter_mut().for_each(|client| client.get("/"));
    all_answered(server, clients);
}

/// Sends on connections that the server keeps alive.
fn kept_alive(name: &str, role_of_server: &str) {
    if let Some(role) = role() {
        exit(host::serve(&role));
    }
    let server = Server::start(name, role_of_server);
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Wire::connect(server.address)).collect();
    for client in &mut clients {
        client.get("/");
        client.answer().unwrap();
    }
    server.freeze();
    clients.iter_mut().for_each(|client| client.get("/"));
    all_answered(server, clients);
}

/// The same over connections of HTTP/2, with several requests on each.
fn http2(name: &str, role_of_server: &str) {
    if let Some(role) = role() {
        exit(host::serve(&role));
    }
    let server = Server::start(name, role_of_server);
    let mut clients: Vec<_> = (0..10).map(|_| Http2::connect(server.address)).collect();
    for client in &mut clients {
        client.get(1);
        assert_eq!(client.answers(1), Ok(1));
    }
    server.freeze();
    clients.iter_mut().for_each(|client| client.get(CONNECTIONS / 10));
    server.terminate();
    let answered = clients.iter_mut().map(|client| client.answers(CONNECTIONS / 10));
    let answered: Vec<_> = answered.collect();
    assert_eq!(answered, [const { Ok(CONNECTIONS / 10) }; 10]);
    let left = server.left();
    assert!(left.status.success(), "{left:?}");
}

fn all_answered(server: Server, mut clients: Vec<Wire>) {
    server.terminate();
    let answers: Vec<_> = clients.iter_mut().map(Wire::answer).collect();
    let lost: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(lost.is_empty(), "{} of {CONNECTIONS} lost, such as {:?}", lost.len(), lost[0]);
    assert!(answers.iter().flatten().all(|answer| answer.starts_with("HTTP/1.1 200")));
    let left = server.left();
    assert!(left.status.success(), "{left:?}");
}

macro_rules! frozen {
    ($($test:ident: $how:ident $role:literal;)*) => {$(
        #[test]
        fn $test() {
            $how(concat!("frozen::", stringify!($test)), $role);
        }
    )*};
}

frozen! {
    fresh_on_axum_with_one_thread: fresh "axum 1 0 5000";
    fresh_on_axum_with_two_threads: fresh "axum 2 0 5000";
    fresh_on_axum_with_a_lame_duck: fresh "axum 2 300 5000";
    fresh_on_axum_with_the_listener_alone: fresh "axum-listener 2 0 5000";
    fresh_on_hyper_with_one_thread: fresh "hyper 1 0 5000";
    fresh_on_hyper_with_two_threads: fresh "hyper 2 0 5000";
    fresh_on_tonic_with_two_threads: fresh "tonic 2 0 5000";
    kept_alive_on_axum_with_one_thread: kept_alive "axum 1 0 5000";
    kept_alive_on_axum_with_two_threads: kept_alive "axum 2 0 5000";
    kept_alive_on_axum_with_a_lame_duck: kept_alive "axum 2 300 5000";
    kept_alive_on_axum_with_the_listener_alone: kept_alive "axum-listener 2 0 5000";
    kept_alive_on_hyper_with_one_thread: kept_alive "hyper 1 0 5000";
    kept_alive_on_hyper_with_two_threads: kept_alive "hyper 2 0 5000";
    http2_on_axum_with_two_threads: http2 "axum 2 0 5000";
    http2_on_hyper_with_two_threads: http2 "hyper 2 0 5000";
    http2_on_hyper_with_a_lame_duck: http2 "hyper 2 300 5000";
    http2_on_tonic_with_two_threads: http2 "tonic 2 0 5000";
    kept_alive_on_tonic_with_two_threads: kept_alive "tonic 2 0 5000";
}
