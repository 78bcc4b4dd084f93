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
//! The server is `redis-server` from the `PATH`, or the program that the variable
//! `TOWER_READY_REDIS_SERVER` names; `cargo xtask test` installs it. It listens on a loopback port
//! that was free, writes nothing to disk, and ends with the test however that ends: by a panic, or
//! by a `kill -9` of the whole process.
//!
//! Everything here blocks its thread for some milliseconds, whatever a paused clock says.

use std::{
    env,
    ffi::OsString,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, ErrorKind},
    ops::Range,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

mod resp;
mod signal;
mod watchdog;

use self::{signal::Signal, watchdog::Watchdog};

/// Below the range from which systems take the ports of outgoing connections, so that a port is
/// still free when the server comes back to it.
const PORTS: Range<u16> = 20_000..32_000;

/// How often another port is tried before it is no bad luck.
const ATTEMPTS: usize = 50;

/// A running `redis-server`. Dropping it ends the server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    options: Vec<String>,
    running: Option<Running>,
}

/// A server process. The watchdog comes first, since it has to be gone before the process is: else
/// it could kill a stranger that got the same id.
#[derive(Debug)]
struct Running {
    watchdog: Watchdog,
    server: Child,
}

// === impl Redis ===

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
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let mut complaint = String::new();
        // Which port is free is only known once a server has it.
        for _ in 0..ATTEMPTS {
            let port = any_port();
            match Running::start(port, &options) {
                Ok(running) => {
                    return Self { port, options, running: Some(running) };
                }
                Err(output) => complaint = output,
            }
        }
        panic!("redis-server does not start:\n{complaint}");
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
    #[expect(clippy::must_use_candidate, reason = "many a command is sent for its effect")]
    pub fn cli(&self, command: &[&str]) -> String {
        resp::ask(self.port, command)
    }

    /// Stops the server in its tracks: connections succeed, and nothing comes back over them.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn pause(&self) {
        signal::send(&self.running().server, Signal::Stop);
    }

    /// Lets a paused server go on, with all that was sent to it meanwhile.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn resume(&self) {
        signal::send(&self.running().server, Signal::Continue);
    }

    /// Kills the server: connections break, and new ones are refused.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Starts the server again on the same port, empty. It is killed first if it runs.
    ///
    /// # Panics
    ///
    /// When it does not start, as when another program took the port meanwhile.
    pub fn restart(&mut self) {
        self.kill();
        match Running::start(self.port, &self.options) {
            Ok(running) => self.running = Some(running),
            Err(output) => panic!("redis-server does not start again:\n{output}"),
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server was killed; `restart` it first")
    }
}

// === impl Running ===

impl Running {
    /// Starts a server, or returns what it said before it gave up.
    fn start(port: u16, options: &[String]) -> Result<Self, String> {
        let program = program();
        let mut command = Command::new(&program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(env::temp_dir())
            .args(["--loglevel", "notice", "--logfile", ""])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the keyboard is for the test, which takes the server along.
            .process_group(0);
        let mut server = match command.spawn() {
            Ok(server) => server,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "{} is missing: `cargo xtask test` installs it, or TOWER_READY_REDIS_SERVER names it",
                program.display(),
            ),
            Err(error) => panic!("{} does not run: {error}", program.display()),
        };
        let watchdog = Watchdog::over(&server);
        let output = server.stdout.take().expect("it is piped");
        let running = Self { watchdog, server };
        let mut said = String::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains("Ready to accept connections") {
                return Ok(running);
            }
            said += &line;
            said.push('\n');
        }
        Err(said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watchdog.dismiss();
        // Killing works on a paused process too, and has an effect even on one that ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn program() -> OsString {
    env::var_os("TOWER_READY_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

fn any_port() -> u16 {
    // Each `RandomState` has other keys, so this is the random number that std has to give.
    let random = RandomState::new().hash_one(std::process::id());
    let offset = random % u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(offset).expect("less than the range")
}
