//! One instance as a process, and its restart.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::BoxError;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where an instance listens.
#[derive(Debug)]
pub(super) enum Socket {
    Own(SocketAddr),
    /// A socket that outlives it.
    Inherited(TcpListener),
}

/// What a service manager does: the socket is the third file, and two variables say so.
const HAND_OVER: &str =
    "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";

#[derive(Debug)]
pub(super) struct Instance {
    server: &'static str,
    socket: Socket,
    child: Child,
}

impl Instance {
    pub(super) async fn start(server: &'static str, socket: Socket) -> Result<Self, BoxError> {
        let child = start(server, &socket).await?;
        Ok(Self { server, socket, child })
    }

    /// Ends it as a platform would, and starts another in its place. Whether it ended well.
    pub(super) async fn restart(&mut self) -> Result<bool, BoxError> {
        match self.socket {
            Socket::Own(_) => {
                let ended = self.end().await?;
                self.child = start(self.server, &self.socket).await?;
                Ok(ended)
            }
            // With a socket in common, the next can come before the last has gone.
            Socket::Inherited(_) => {
                let next = start(self.server, &self.socket).await?;
                let ended = self.end().await?;
                self.child = next;
                Ok(ended)
            }
        }
    }

    async fn end(&mut self) -> Result<bool, BoxError> {
        let id = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(id.ok_or("an instance ended by itself")?, Signal::TERM)?;
        Ok(timeout(PATIENCE, self.child.wait()).await??.success())
    }
}

async fn start(server: &str, socket: &Socket) -> Result<Child, BoxError> {
    let program = std::env::current_exe()?;
    let mut command = match socket {
        Socket::Own(address) => {
            let mut command = Command::new(program);
            command.args(["serve", server, &address.to_string()]).stdin(Stdio::null());
            command
        }
        Socket::Inherited(listener) => {
            let mut command = Command::new("sh");
            command.args(["-c", HAND_OVER]).arg(program).args(["serve", server, "inherited"]);
            command.stdin(OwnedFd::from(listener.try_clone()?));
            command
        }
    };
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().ok_or("no stdout")?;
    let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
    if !line.as_deref().is_some_and(|line| line.starts_with("listening on ")) {
        child.start_kill()?;
        let said = child.wait_with_output().await?.stderr;
        let said = String::from_utf8_lossy(&said);
        return Err(format!("`rolling serve {server}` does not listen: {}", said.trim()).into());
    }
    Ok(child)
}
