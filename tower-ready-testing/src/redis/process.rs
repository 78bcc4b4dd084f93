//! A `redis-server` as a process.

use std::{
    env,
    ffi::OsString,
    fs,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, ErrorKind},
    ops::Range,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    signal::{self, Signal},
    watchdog::Watchdog,
};

/// Below the range from which systems take the ports of outgoing connections, so that a port is
/// still free when the server comes back to it.
const PORTS: Range<u16> = 20_000..32_000;

/// A server process. The watchdog comes first, since it has to be gone before the process is: else
/// it could kill a stranger that got the same id.
#[derive(Debug)]
pub(super) struct Process {
    watchdog: Watchdog,
    server: Child,
    is_stopped: AtomicBool,
}

/// A directory of its own, for what a server insists on writing. It is gone with its server.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Process {
    /// Starts a server, and waits until it says `ready`. Returns what it said before it gave up.
    pub(super) fn start(args: &[String], ready: &str) -> Result<Self, String> {
        let program = program();
        let mut command = Command::new(&program);
        command
            .args(args)
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
        let process = Self { watchdog, server, is_stopped: AtomicBool::new(false) };
        let mut said = String::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains(ready) {
                return Ok(process);
            }
            said += &line;
            said.push('\n');
        }
        Err(said)
    }

    /// Stops the process or lets it go on, unless it is so already: then nothing would come of it,
    /// and that is what a signal waits for.
    pub(super) fn send(&self, signal: Signal) {
        let stops = matches!(signal, Signal::Stop);
        if self.is_stopped.swap(stops, Relaxed) != stops {
            signal::send(&self.server, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watchdog.dismiss();
        // Killing works on a paused process too, and has an effect even on one that ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Directory {
    pub(super) fn new() -> Self {
        let name = format!("tower-ready-redis-{}-{:x}", std::process::id(), random());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("the directory for temporary files can be written to");
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program() -> OsString {
    env::var_os("TOWER_READY_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

pub(super) fn any_port() -> u16 {
    let offset = random() % u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(offset).expect("less than the range")
}

/// Each `RandomState` has other keys, so this is the random number that std has to give.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
