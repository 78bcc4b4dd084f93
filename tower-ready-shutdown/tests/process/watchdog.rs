//! What a service manager hears of a runtime that is alive, and of one that is not.

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{self, ExitCode},
    time::Duration,
};

use rustix::process::Signal;
use tokio::runtime::Builder;
use tower_ready_shutdown::{Lifecycle, Timings};

use crate::child::{PATIENCE, Server, exit, role};

const ALIVE: &str = "WATCHDOG=1";

/// The socket of a manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tower-ready-{name}-{}", process::id()));
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    /// Starts the test again, to be heard of 20 times in a second: `$$` is its own number.
    fn start(&self, test: &str, role: &str, pid: &str) -> Server {
        let path = self.path.display();
        let variables = format!("NOTIFY_SOCKET='{path}' WATCHDOG_USEC=100000 WATCHDOG_PID={pid}");
        Server::start_under(&variables, test, role)
    }

    /// The next message, if it comes within this time.
    fn hear(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut message = [0; 512];
        match self.socket.recv(&mut message) {
            Ok(length) => Some(String::from_utf8_lossy(&message[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn hear_of_life(&self, times: usize) {
        for _ in 0..times {
            while self.hear(PATIENCE).expect("it is not heard of") != ALIVE {}
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A process with one thread, which is stuck from the signal on if the role says so.
fn serve(role: &str) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let timings = Timings::new(Duration::ZERO, PATIENCE);
        let lifecycle = Lifecycle::builder().timings(timings).install().unwrap();
        let serving = lifecycle.clone();
        let sticks = role == "sticks";
        let server = async move {
            serving.draining().await;
            if sticks {
                println!("\nstuck");
                loop {
                    std::thread::park();
                }
            }
        };
        lifecycle.run(server).await
    });
    report.exit_code()
}

#[test]
fn a_runtime_that_is_alive_is_heard_of() {
    if let Some(role) = role() {
        exit(serve(&role[0]));
    }
    let manager = Manager::new("alive");
    let server = manager.start("watchdog::a_runtime_that_is_alive_is_heard_of", "lives", "$$");
    manager.hear_of_life(4);
    server.signal(Signal::TERM);
    assert!(server.left().status.success());
}

#[test]
fn a_runtime_that_is_stuck_is_not() {
    if let Some(role) = role() {
        exit(serve(&role[0]));
    }
    let manager = Manager::new("stuck");
    let mut server = manager.start("watchdog::a_runtime_that_is_stuck_is_not", "sticks", "$$");
    manager.hear_of_life(1);
    server.signal(Signal::TERM);
    server.line("stuck");
    // What it said before that is still to be heard.
    while manager.hear(Duration::from_millis(1)).is_some() {}
    while let Some(message) = manager.hear(Duration::from_millis(500)) {
        assert_ne!(message, ALIVE);
    }
}

#[test]
fn a_watchdog_of_another_process_is_left_to_it() {
    if let Some(role) = role() {
        exit(serve(&role[0]));
    }
    let manager = Manager::new("other");
    let name = "watchdog::a_watchdog_of_another_process_is_left_to_it";
    let server = manager.start(name, "lives", "1");
    assert_eq!(manager.hear(PATIENCE).unwrap(), "READY=1\nSTATUS=ready");
    server.signal(Signal::TERM);
    assert!(server.left().status.success());
    while let Some(message) = manager.hear(Duration::from_millis(1)) {
        assert_ne!(message, ALIVE);
    }
}
