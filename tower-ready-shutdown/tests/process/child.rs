//! A test that is its own server: it starts itself again as a process of its own.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::fd::OwnedFd,
    process::{Child, ChildStderr, ChildStdout, Command, ExitCode, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tower_ready_core::Instant;

const ROLE: &str = "TOWER_READY_TEST_ROLE";

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the process that a test has started of itself shall be, if this is it.
pub(crate) fn role() -> Option<Vec<String>> {
    let role = env::var(ROLE).ok()?;
    Some(role.split(' ').map(str::to_owned).collect())
}

/// Ends this process with the code.
pub(crate) fn exit(code: ExitCode) -> ! {
    std::process::exit(i32::from(code != ExitCode::SUCCESS))
}

fn arguments(name: &str) -> [&str; 4] {
    [name, "--exact", "--nocapture", "--test-threads=1"]
}

/// The process.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<String>>,
}

/// How the process ended.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Server {
    /// Starts the test `name` again in this role, and waits until it listens.
    pub(crate) fn start(name: &str, role: &str) -> Self {
        let mut server = Self::start_without_address(name, role);
        let address = server.line("listening on ");
        server.address = address.parse().unwrap();
        server
    }

    pub(crate) fn start_without_address(name: &str, role: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(arguments(name)).env(ROLE, role).stdin(Stdio::null());
        Self::spawn(command)
    }

    /// Starts the test again with a listening socket, as a service manager would.
    pub(crate) fn start_with(name: &str, listener: OwnedFd) -> Self {
        // A shell knows the number of the process that it is about to become.
        const BECOME: &str = r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#;
        let mut command = Command::new("sh");
        command.args(["-c", BECOME]).arg(env::current_exe().unwrap());
        command.args(arguments(name)).env(ROLE, "handover").stdin(listener);
        let mut server = Self::spawn(command);
        server.line("listening on ");
        server
    }

    /// Starts the test again with these variables, of which a shell makes what they are.
    pub(crate) fn start_under(variables: &str, name: &str, role: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!(r#"{variables} exec "$0" "$@""#)]);
        command.arg(env::current_exe().unwrap()).args(arguments(name));
        command.env(ROLE, role).stdin(Stdio::null());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let read = |mut stderr: ChildStderr| {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        };
        let stderr = child.stderr.take().unwrap();
        let stderr = Some(thread::spawn(move || read(stderr)));
        Self { child, address: ([0; 4], 0).into(), stdout, stderr }
    }

    /// The rest of the next line of output that has this in it.
    pub(crate) fn line(&mut self, start: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the server is gone");
            if let Some((_, rest)) = line.split_once(start) {
                return rest.trim().to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it in its tracks: what clients send from now on waits in the kernel.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), stopped).unwrap();
    }

    /// Asks it to end, and lets it go on.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Waits until it has ended.
    pub(crate) fn left(mut self) -> Left {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now().since(began) < PATIENCE, "the server does not end");
            thread::park_timeout(Duration::from_millis(5));
        };
        let took = Instant::now().since(began);
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Left { status, stderr, took }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
