//! A server in a process of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use crate::server::Kind;

pub(crate) struct Process {
    child: Child,
    /// It ends when this is closed.
    stdin: Option<ChildStdin>,
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// What it is asked with.
    pub(crate) token: String,
}

impl Process {
    pub(crate) fn start(kind: Kind) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--serve", &kind.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let stdin = child.stdin.take();
        let (address, token) = line.trim().split_once(' ').unwrap();
        let (address, token) = (address.parse().unwrap(), token.to_owned());
        Self { child, stdin, kind, address, token }
    }

    /// How long it was on a processor until now.
    pub(crate) fn on_processor(&self) -> Duration {
        let text = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap();
        let nanos = text.split(' ').next().unwrap();
        Duration::from_nanos(nanos.parse().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
