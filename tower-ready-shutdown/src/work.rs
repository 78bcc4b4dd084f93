//! What ends before the process does: background tasks and hooks.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinError, JoinHandle},
    time::Instant,
};

use crate::{Ended, How};

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task or a hook, until its turn has come.
pub(crate) struct Work {
    pub(crate) name: String,
    /// How long its end may take.
    timeout: Duration,
    kind: Kind,
}

enum Kind {
    Hook(Box<dyn FnOnce() -> BoxFuture + Send>),
    Task { stop: watch::Sender<bool>, handle: JoinHandle<How> },
}

/// Tells a background task that its turn to end has come.
#[derive(Clone, Debug)]
pub struct StopToken(watch::Receiver<bool>);

/// How long a task or a hook may take, unless it is said.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

impl StopToken {
    /// Resolves when the task shall end.
    pub async fn stopped(&mut self) {
        // Whoever could tell is gone: it is high time.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether the task shall end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl Work {
    pub(crate) fn hook<F, R>(name: String, timeout: Duration, hook: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self { name, timeout, kind: Kind::Hook(Box::new(|| Box::pin(hook()))) }
    }

    /// A task that is spawned now, on whose end `over` is called.
    pub(crate) fn task<F, R>(name: String, task: F, over: impl FnOnce(How) + Send + 'static) -> Self
    where
        F: FnOnce(StopToken) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (stop, token) = watch::channel(false);
        let task = tokio::spawn(async move { task(StopToken(token)).await });
        let handle = tokio::spawn(async move {
            // Whoever aborts this aborts the task with it.
            let _aborted = AbortOnDrop(task.abort_handle());
            let how = ended(task.await);
            over(how);
            how
        });
        Self { name, timeout: TIMEOUT, kind: Kind::Task { stop, handle } }
    }

    /// Begins its end. On a task of its own, so that a panic stays there.
    pub(crate) fn end(self) -> Ending {
        let began = Instant::now();
        let is_begun = Arc::new(AtomicBool::new(false));
        let handle = match self.kind {
            Kind::Hook(hook) => {
                let begins = Arc::clone(&is_begun);
                tokio::spawn(async move {
                    begins.store(true, Relaxed);
                    hook().await;
                    How::Done
                })
            }
            Kind::Task { stop, handle } => {
                is_begun.store(true, Relaxed);
                stop.send_replace(true);
                handle
            }
        };
        Ending { name: self.name, began, due: began + self.timeout, is_begun, handle }
    }
}

/// The end of a task or a hook.
pub(crate) struct Ending {
    pub(crate) name: String,
    began: Instant,
    /// When it is dropped, if not before.
    pub(crate) due: Instant,
    is_begun: Arc<AtomicBool>,
    handle: JoinHandle<How>,
}

impl Ending {
    /// Waits for it. May be dropped and called again.
    pub(crate) async fn over(&mut self) -> Ended {
        let how = match (&mut self.handle).await {
            Ok(how) => how,
            Err(error) => ended(Err(error)),
        };
        Ended { name: self.name.clone(), how, took: self.began.elapsed() }
    }

    /// Whether a thread has come to it by now, which may take its time where there is much to do.
    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun.load(Relaxed)
    }

    /// Drops it.
    pub(crate) fn give_up(self) -> Ended {
        self.handle.abort();
        Ended { name: self.name, how: How::TimedOut, took: self.began.elapsed() }
    }
}

fn ended(result: Result<(), JoinError>) -> How {
    match result {
        Ok(()) => How::Done,
        Err(error) => {
            let panicked = error.is_panic();
            // The payload of a panic may itself panic when it is dropped.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| drop(error)));
            if panicked { How::Panicked } else { How::TimedOut }
        }
    }
}

/// Nothing outlives whoever waits for it.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Work").field(&self.name).finish()
    }
}
