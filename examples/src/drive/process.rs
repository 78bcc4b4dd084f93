use std::{
    env,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a server may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs beside this one, and ends with it.
pub(super) struct Process(Child);

/// A server of ours.
pub(super) struct Server {
    process: Process,
    pub(super) address: SocketAddr,
    /// A token with every scope, if it printed one.
    pub(super) token: String,
}

impl Process {
    /// Starts a program whose words are for nobody.
    pub(super) fn start(program: &Path, args: &[&str]) -> Result<Self, Failure> {
        Self::spawn(program, args, Stdio::null())
    }

    fn spawn(program: &Path, args: &[&str], stdout: Stdio) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
        let told = |error: io::Error| format!("{}: {error}: is it there?", program.display());
        Ok(Self(command.spawn().map_err(told)?))
    }

    /// Kills it, as a machine that fails would.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may well be over.
        let _ = self.kill();
    }
}

impl Server {
    /// Starts a binary that lies beside this one.
    pub(super) async fn start(name: &str, args: &[&str]) -> Result<Self, Failure> {
        let binary = env::current_exe()?.with_file_name(name);
        let mut process = Process::spawn(&binary, args, Stdio::piped())?;
        let stdout = process.0.stdout.take().ok_or("no stdout")?;
        // Nobody reads on after the hints, and a server does not mind.
        let hints = spawn_blocking(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.take_while(|line| line != "try").collect::<Vec<_>>()
        });
        let hints = timeout(PATIENCE, hints).await??;
        let hint = |name: &str| hints.iter().find_map(|line| line.strip_prefix(name));
        let address = hint("listening on http://").ok_or("the server did not start")?.parse()?;
        let token = hint("a token with every scope: ").unwrap_or_default().to_owned();
        Ok(Self { process, address, token })
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Asks it to end, waits for that, and says whether it was content.
    pub(super) async fn stop(&mut self) -> Result<bool, Failure> {
        let child = &mut self.process.0;
        let id = child.id().to_string();
        // The shell's own command, which is everywhere and needs no unsafe code.
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status()?;
        let ended = async {
            loop {
                match child.try_wait()? {
                    Some(status) => return Ok::<_, io::Error>(status.success()),
                    None => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        Ok(timeout(PATIENCE, ended).await??)
    }
}
