//! A binary that runs.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// The binaries with the HTTP routes.
pub(crate) const HTTP_HOSTS: [&str; 2] = ["axum", "hyper"];

/// Far above what any wait takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port.
pub(crate) struct Server {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    /// What it printed to be tried with: a token with every scope, one with none, and an API key.
    pub(crate) token: String,
    pub(crate) bare_token: String,
    pub(crate) api_key: String,
}

/// A command for one of our binaries, with an environment that says nothing.
pub(crate) fn command(binary: &str) -> Command {
    let path = match binary {
        "axum" => env!("CARGO_BIN_EXE_axum"),
        "hyper" => env!("CARGO_BIN_EXE_hyper"),
        "tonic" => env!("CARGO_BIN_EXE_tonic"),
        "token" => env!("CARGO_BIN_EXE_token"),
        "tour" => env!("CARGO_BIN_EXE_tour"),
        other => panic!("there is no binary {other}"),
    };
    let mut command = Command::new(PathBuf::from(path));
    // Nobody routes to a server of a test, so it need not wait until anybody has noticed.
    command.env_clear().env("TOWER_READY_LAME_DUCK", "0s").stdin(Stdio::null());
    command
}

impl Server {
    /// Starts a binary on a free port.
    pub(crate) fn start(binary: &str, flags: &[&str]) -> Self {
        Self::run(command(binary).args(["--listen", "127.0.0.1:0"]).args(flags))
    }

    /// Starts a command, and waits for its first lines.
    pub(crate) fn run(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let first = stdout.recv_timeout(PATIENCE);
        let address =
            first.as_deref().ok().and_then(|line| line.strip_prefix("listening on http://"));
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            let _ = child.kill();
            let errors: Vec<_> = stderr.iter().collect();
            panic!("the first line is {first:?}, and stderr {errors:?}");
        };
        let mut hints = Vec::new();
        loop {
            match stdout.recv_timeout(PATIENCE).unwrap() {
                line if line == "try" => break,
                line => hints.push(line),
            }
        }
        let hint = |name: &str| hints.iter().find_map(|line| line.strip_prefix(name));
        let text = |name| hint(name).unwrap_or_default().to_owned();
        Self {
            admin: hint("admin on http://").map(|address| address.parse().unwrap()),
            token: text("a token with every scope: "),
            bare_token: text("a token with none: "),
            api_key: text("an API key: "),
            child,
            stdout,
            stderr,
            address,
        }
    }

    /// Waits for a line on stderr with all of these words.
    pub(crate) fn logs(&self, words: &[&str]) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        signal("TERM", &self.child);
    }

    /// Waits for the end, and returns the rest of stderr too.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end, and last {rest:?}"),
            }
        }
        // Both pipes are closed, so the process is over but for its number.
        while self.stdout.recv_timeout(PATIENCE).is_ok() {}
        (self.child.wait().unwrap(), rest)
    }

    /// Sends SIGTERM, and expects that nothing was in the way.
    pub(crate) fn stop(self) -> Vec<String> {
        self.terminate();
        let (status, rest) = self.ended();
        assert!(status.success(), "{status}: {rest:?}");
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a test that failed; else it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the binary `token` prints.
pub(crate) fn mint(flags: &[&str]) -> String {
    let output = command("token").args(flags).output().unwrap();
    assert!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Sends a signal by the shell's own command, which is everywhere and needs no unsafe code.
pub(crate) fn signal(name: &str, child: &Child) {
    let id = child.id().to_string();
    let script = format!("kill -{name} \"$0\"");
    let sent = Command::new("sh").args(["-c", &script, &id]).status();
    assert!(sent.unwrap().success());
}

/// Reads in a thread, so that a server never waits for us with a full pipe.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more: read on all the same.
            let _ = sender.send(line);
        }
    });
    receiver
}
