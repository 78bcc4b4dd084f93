//! One process after the other on a socket that a third one keeps, with nobody in front of them.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use tokio::runtime::Runtime;
use tower::ServiceBuilder;
use tower_ready_shutdown::{Lifecycle, Timings, handover::inherited};

use crate::{
    child::{Server, exit, role},
    host,
    wire::Wire,
};

const RESTARTS: usize = 4;

fn serve() -> std::process::ExitCode {
    let report = Runtime::new().unwrap().block_on(async {
        let timings = Timings::new(std::time::Duration::ZERO, crate::child::PATIENCE);
        let lifecycle = Lifecycle::builder().timings(timings).install().unwrap();
        let listener = inherited().tcp(0).unwrap().expect("a socket was handed over");
        println!("\nlistening on {}", listener.local_addr().unwrap());
        let service = ServiceBuilder::new().layer(lifecycle.layer()).service_fn(host::answer);
        lifecycle.run(lifecycle.server().shared(true).serve(listener, service)).await
    });
    report.exit_code()
}

/// Sends one request after the other, each on a connection of its own, and counts.
fn ask(address: SocketAddr, over: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut lost = Vec::new();
    while !over.load(SeqCst) {
        let mut wire = Wire::connect(address);
        wire.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody");
        match wire.answer() {
            Ok(_) => drop(answered.fetch_add(1, SeqCst)),
            Err(error) => lost.push(error),
        }
    }
    lost
}

#[test]
fn a_socket_that_is_handed_over_refuses_nobody() {
    if role().is_some() {
        exit(serve());
    }
    let name = "handover::a_socket_that_is_handed_over_refuses_nobody";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || Server::start_with(name, OwnedFd::from(listener.try_clone().unwrap()));
    let mut server = start();

    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            thread::spawn(move || ask(address, &over, &answered))
        })
        .collect();
    for restart in 1..=RESTARTS {
        // The old one leaves before the new one is there: whoever comes meanwhile waits.
        server.terminate();
        let left = server.left();
        assert!(left.status.success(), "{left:?}");
        server = start();
        let before = answered.load(SeqCst);
        while answered.load(SeqCst) < before + 20 * restart {
            thread::yield_now();
        }
    }
    over.store(true, SeqCst);
    let lost: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    assert!(lost.is_empty(), "{} lost, such as {}", lost.len(), lost[0]);
}
