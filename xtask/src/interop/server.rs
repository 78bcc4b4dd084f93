//! A server of ours, run as a program: it says where it listens, and ends when its stdin closes.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::cmd;
use crate::failure::Failure;

/// Until it listens. It is built before, so this is the start of a process and no more.
const PATIENCE: Duration = Duration::from_secs(60);
/// From the end of its stdin to its own end.
const GRACE: Duration = Duration::from_secs(10);

pub(super) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    url: String,
}

impl Server {
    /// Starts it and waits for its first line, `listening on URL`.
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        let line = cmd::line(command);
        println!("==> {line}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| cmd::not_started(&line, &e))?;
        let stdin = child.stdin.take();
        let lines = read_lines(child.stdout.take());
        // From here on, `Drop` ends it.
        let mut server = Self { child, stdin, lines, url: String::new() };
        let first = server.lines.recv_timeout(PATIENCE).unwrap_or_default();
        println!("    {first}\n");
        match first.strip_prefix("listening on ") {
            Some(url) => server.url = url.trim().to_owned(),
            None => {
                return Err(Failure::step(format!("`{line}` did not say where it listens")));
            }
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Its stdout closes when it ends, and the channel with it.
        while self.lines.recv_timeout(GRACE).is_ok() {}
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Nothing is lost when it is gone already, between its last line and its end.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads to the end in a thread, so that the server never waits for us with a full pipe.
fn read_lines(stdout: Option<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = stdout {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens any more: read on all the same.
                let _ = sender.send(line);
            }
        });
    }
    receiver
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = cmd::program("sh", "-c");
        shell.arg(script);
        shell
    }

    #[test]
    fn the_url_is_read_and_a_closed_stdin_ends_the_server() {
        let server =
            Server::start(&mut shell("echo listening on http://127.0.0.1:9; cat")).unwrap();
        assert_eq!(server.url(), "http://127.0.0.1:9");
    }

    #[test]
    fn a_server_that_says_something_else_is_refused() {
        assert!(Server::start(&mut shell("echo hello")).is_err());
        assert!(Server::start(&mut shell("exit 1")).is_err());
    }
}
