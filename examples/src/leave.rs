//! How a server ends, in the simplest way that is right: it stops accepting, lets what is in flight
//! finish, and gives up after a while. tower-ready-shutdown will take its place.

use std::{io, process::ExitCode, time::Duration};

use tokio::sync::watch;

/// How long what is in flight may take after the end was asked for.
const PATIENCE: Duration = Duration::from_secs(14);

/// Says when the end has begun, and knows the work that a host does not wait for by itself. Clones
/// are one.
#[derive(Clone, Debug)]
pub(crate) struct Leave {
    begun: watch::Sender<bool>,
    work: watch::Sender<()>,
}

/// Work that must be done before the process ends, such as a WebSocket, which no host counts among
/// its connections any more.
#[must_use = "the work is over when this is dropped"]
pub(crate) struct Work(
    #[expect(dead_code, reason = "it only has to be there")] watch::Receiver<()>,
);

impl Leave {
    pub(crate) fn new() -> Self {
        Self { begun: watch::Sender::new(false), work: watch::Sender::new(()) }
    }

    /// Keeps the process until the work is dropped.
    pub(crate) fn work(&self) -> Work {
        Work(self.work.subscribe())
    }

    /// Begins the end.
    pub(crate) fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Resolves when the end has begun.
    pub(crate) async fn begun(&self) {
        // The sender is ours, so this cannot fail before it is true.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// The same as a future of its own.
    pub(crate) fn begins(&self) -> impl Future<Output = ()> + Send + use<> {
        let leave = self.clone();
        async move { leave.begun().await }
    }

    /// Serves until the end was asked for, by a signal or else, and all work is done.
    ///
    /// A second signal ends at once. Work that is cut makes the exit code a failure.
    pub(crate) async fn serve(
        &self,
        signals: &mut Signals,
        serving: impl Future<Output = ()>,
    ) -> ExitCode {
        let twice = async {
            signals.next().await;
            tracing::info!("leaving: what is in flight may finish");
            self.begin();
            signals.next().await;
        };
        let late = async {
            self.begun().await;
            tokio::time::sleep(PATIENCE).await;
        };
        let serving = async {
            serving.await;
            self.work.closed().await;
        };
        tokio::select! {
            () = serving => {
                tracing::info!("left");
                return ExitCode::SUCCESS;
            }
            () = twice => tracing::error!("work was cut: a second signal came"),
            () = late => tracing::error!("work was cut: it took longer than {PATIENCE:?}"),
        }
        ExitCode::FAILURE
    }
}

/// What asks a process to end: SIGTERM, or Ctrl-C at a terminal.
///
/// Made before the first line of output, since from then on somebody may ask.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn hear() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next time that somebody asks.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn hear() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next time that somebody asks.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
