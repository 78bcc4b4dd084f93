//! What a service manager is told: the protocol of `sd_notify(3)`.

use std::{env, ffi::OsStr, io, os::unix::net::UnixDatagram, path::Path, process, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{Event, OnLifecycle, Phase};

/// Tells a service manager where this process is: ready, stopping, still at it.
///
/// [`install`](crate::LifecycleBuilder::install) makes one of `NOTIFY_SOCKET` by itself; this is for
/// messages of your own, and for other sockets.
#[derive(Debug)]
pub struct SdNotify(UnixDatagram);

impl SdNotify {
    /// The manager that started us, if it wants to know.
    ///
    /// # Errors
    ///
    /// When its socket is not to be reached.
    pub fn from_env() -> io::Result<Option<Self>> {
        env::var_os("NOTIFY_SOCKET").map(|address| Self::connect(&address)).transpose()
    }

    /// Whoever listens at this address: a path, or with `@` in front a name without a file.
    ///
    /// # Errors
    ///
    /// When nobody does.
    pub fn connect(address: impl AsRef<OsStr>) -> io::Result<Self> {
        let address = address.as_ref();
        let socket = UnixDatagram::unbound()?;
        // Nobody waits for a manager that does not read.
        socket.set_nonblocking(true)?;
        match address.as_encoded_bytes().strip_prefix(b"@") {
            Some(name) => connect_abstract(&socket, name)?,
            None => socket.connect(Path::new(address))?,
        }
        Ok(Self(socket))
    }

    /// Sends assignments such as `STATUS=…`, one on each line.
    ///
    /// # Errors
    ///
    /// When the manager is gone, or does not read.
    pub fn send(&self, message: &str) -> io::Result<()> {
        self.0.send(message.as_bytes()).map(drop)
    }
}

#[cfg(target_os = "linux")]
fn connect_abstract(socket: &UnixDatagram, name: &[u8]) -> io::Result<()> {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

    socket.connect_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn connect_abstract(_: &UnixDatagram, _: &[u8]) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has sockets without a file"))
}

/// Between two lines of progress, and some more.
const EXTENSION: Duration = Duration::from_secs(15);

impl OnLifecycle for SdNotify {
    fn on_event(&self, event: &Event<'_>) {
        let extend = format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros());
        let message = match event {
            Event::Phase { to: Phase::Ready, .. } => "READY=1\nSTATUS=ready".to_owned(),
            Event::Phase { to: Phase::Draining, .. } => {
                format!("STOPPING=1\nSTATUS=draining\n{extend}")
            }
            Event::Phase { to, .. } => format!("STATUS={to}"),
            Event::Waiting { phase, in_flight, connections, left, .. } => format!(
                "STATUS={phase}: {in_flight} requests, {connections} connections, {} s left\n\
                 {extend}",
                left.as_secs()
            ),
            _ => return,
        };
        // A manager that is gone is no reason to fail.
        let _ = self.send(&message);
    }
}

/// Says that the runtime is alive, twice in the time within which the manager wants to hear it. From
/// a task, so that it is not said while the runtime is stuck.
pub(crate) async fn watchdog() {
    if let (Some(every), Ok(Some(notify))) = (watchdog_interval(), SdNotify::from_env()) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _ = notify.send("WATCHDOG=1");
        }
    }
}

fn watchdog_interval() -> Option<Duration> {
    let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    // `sd_watchdog_enabled(3)`: it may be meant for another process.
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 1)?;
    Some(Duration::from_micros(micros) / 2)
}
