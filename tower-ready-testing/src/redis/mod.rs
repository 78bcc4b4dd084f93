//! A real Redis of the test's own, which can be paused, killed and restarted.
//!
//! ```
//! use tower_ready_testing::redis::Redis;
//!
//! let mut redis = Redis::start();
//! assert_eq!(redis.cli(&["SET", "greeting", "hello"]), "OK");
//! assert_eq!(redis.cli(&["GET", "greeting"]), "hello");
//!
//! redis.pause(); // it takes connections, but answers nobody
//! redis.resume();
//! redis.kill(); // nobody listens
//! redis.restart(); // on the same port, and empty
//! assert_eq!(redis.cli(&["GET", "greeting"]), "(nil)");
//! ```
//!
//! [`Cluster`] has masters and replicas, [`Sentinels`] watch a master and its replica, and
//! [`Redis::start_tls`] speaks TLS.
//!
//! The server is `redis-server` from the `PATH`, or the program that the variable
//! `TOWER_READY_REDIS_SERVER` names; `cargo xtask test` installs it. It listens on a loopback port
//! that was free, writes nothing to disk, and ends with the test however that ends: by a panic, or
//! by a `kill -9` of the whole process.
//!
//! Everything here blocks its thread for some milliseconds, whatever a paused clock says.

mod cluster;
mod process;
mod resp;
mod sentinels;
mod signal;
mod tls;
mod watchdog;

use std::{env, iter};

pub use self::{cluster::Cluster, sentinels::Sentinels, tls::Tls};
use self::{
    process::{Directory, Process, any_port},
    signal::Signal,
};

/// How often another port is tried before it is no bad luck.
const ATTEMPTS: usize = 50;

/// A running `redis-server`. Dropping it ends the server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    args: Vec<String>,
    ready: &'static str,
    /// By which `cli` is let in.
    password: Option<&'static str>,
    process: Option<Process>,
    _directory: Option<Directory>,
}

impl Redis {
    /// Starts a server on a free port and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further options, as in `&["--maxmemory", "1mb"]`.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not start.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        Self::launch(|port| server_args(port, options), SERVER_IS_READY, None)
    }

    /// Starts a server by the arguments for a port.
    fn launch(
        args: impl Fn(u16) -> Vec<String>,
        ready: &'static str,
        directory: Option<Directory>,
    ) -> Self {
        let mut complaint = String::new();
        // Which port is free is only known once a server has it.
        for _ in 0..ATTEMPTS {
            let port = any_port();
            let args = args(port);
            match Process::start(&args, ready) {
                Ok(process) => {
                    let process = Some(process);
                    let (password, _directory) = (None, directory);
                    return Self { port, args, ready, password, process, _directory };
                }
                Err(output) => complaint = output,
            }
        }
        panic!("redis-server does not start:\n{complaint}");
    }

    fn with_password(self, password: &'static str) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:port/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Sends one command and returns the answer as text: nil is `(nil)`, a list has a line for each
    /// element.
    ///
    /// # Panics
    ///
    /// When Redis answers with an error or not at all within ten seconds.
    pub fn cli(&self, command: &[&str]) -> String {
        self.try_cli(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Sends one command and returns the answer as text, or the error that Redis answers with.
    ///
    /// # Errors
    ///
    /// What Redis says.
    ///
    /// # Panics
    ///
    /// When Redis does not answer within ten seconds.
    pub fn try_cli(&self, command: &[&str]) -> Result<String, String> {
        resp::ask(self.port, self.password, command)
    }

    /// Stops the server in its tracks: connections succeed, and nothing comes back over them.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn pause(&self) {
        self.process().send(Signal::Stop);
    }

    /// Lets a server go on, if it is paused, with all that was sent to it meanwhile.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn resume(&self) {
        self.process().send(Signal::Continue);
    }

    /// Kills the server: connections break, and new ones are refused.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again on the same port, empty. It is killed first if it runs.
    ///
    /// # Panics
    ///
    /// When it does not start, as when another program took the port meanwhile.
    pub fn restart(&mut self) {
        self.kill();
        match Process::start(&self.args, self.ready) {
            Ok(process) => self.process = Some(process),
            Err(output) => panic!("redis-server does not start again:\n{output}"),
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server was killed; `restart` it first")
    }
}

/// What a server says when it takes commands.
const SERVER_IS_READY: &str = "Ready to accept connections";

/// The arguments of a server that writes nothing to disk.
fn server_args(port: u16, options: &[&str]) -> Vec<String> {
    let (port, directory) = (port.to_string(), env::temp_dir());
    let fixed = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let log = ["--loglevel", "notice", "--logfile", ""];
    // A replica gets its copy at once, and over the socket.
    let copy = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"];
    let words = fixed.iter().chain(&log).chain(&copy).map(|word| (*word).to_owned());
    let directory = iter::once("--dir".to_owned()).chain(directory.to_str().map(str::to_owned));
    words.chain(directory).chain(options.iter().map(|word| (*word).to_owned())).collect()
}

/// Asks until something is so.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens in another process")]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    // A minute in all, on a machine that does many other things.
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("waited a minute for {what}");
}

/// A replica has all that its master has, and gets nothing more.
fn cut_off(master: &Redis, replica: &Redis) {
    let offset = |redis: &Redis, name: &str| -> u64 {
        let info = redis.cli(&["INFO", "replication"]);
        let offset = info.lines().find_map(|line| line.trim().strip_prefix(name));
        offset.and_then(|offset| offset.parse().ok()).expect("it replicates")
    };
    let all = offset(master, "master_repl_offset:");
    until("the replica has all", || offset(replica, "slave_repl_offset:") >= all);
    replica.pause();
    // It cannot come back while it is paused.
    master.cli(&["CLIENT", "KILL", "TYPE", "replica"]);
}
