//! Files that are read again when they change.

use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use crate::{ConfigError, ConfigErrorKind, digest::sha256};

/// How often a file is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any file of keys or revocations.
const MAX_LEN: u64 = 64 * 1_024 * 1_024;

type Take = dyn Fn(&[u8]) -> Result<(), ConfigError> + Send + Sync;

/// Reads a file now and whenever its content has changed; a content that is no good is left aside.
///
/// A thread looks at it, since files may hang and a task must not, and so that no runtime is
/// needed. It compares contents: an orchestrator swaps a link, and the time of the file behind it
/// may well be older.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Inner>);

struct Inner {
    path: PathBuf,
    take: Box<Take>,
    /// The digest of the content that is in use.
    last: Mutex<Option<[u8; 32]>>,
    /// Ends the thread when the last handle is gone.
    _stop: mpsc::Sender<()>,
}

impl Watch {
    /// Fails when the file cannot be read now, or is no good.
    pub(crate) fn start(
        path: &Path,
        take: impl Fn(&[u8]) -> Result<(), ConfigError> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let inner = Arc::new(Inner {
            path: path.to_owned(),
            take: Box::new(take),
            last: Mutex::new(None),
            _stop: stop,
        });
        inner.check()?;
        let watched = Arc::downgrade(&inner);
        let watching = move || {
            while stopped.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(inner) = watched.upgrade() else {
                    return;
                };
                inner.check_and_log();
            }
        };
        let thread = thread::Builder::new().name("tower-ready-auth".to_owned());
        let spawned = thread.spawn(watching);
        spawned.map_err(|error| file_error(path, &error.to_string()))?;
        Ok(Self(inner))
    }

    /// Looks now, and says what is wrong with the file.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.0.check()
    }
}

impl Inner {
    fn check(&self) -> Result<(), ConfigError> {
        // Held from before the file is read, or what was read first could be taken last.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let content = read(&self.path).map_err(|error| file_error(&self.path, &error))?;
        let digest = sha256(&content);
        if *last != Some(digest) {
            (self.take)(&content)?;
            *last = Some(digest);
        }
        Ok(())
    }

    fn check_and_log(&self) {
        if let Err(error) = self.check() {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "tower_ready_auth::keys",
                path = %self.path.display(),
                %error,
                "a file is no good, so what it said before stays"
            );
            #[cfg(not(feature = "tracing"))]
            drop(error);
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    let read = file.take(MAX_LEN + 1).read_to_end(&mut content);
    read.map_err(|error| error.to_string())?;
    if content.len() as u64 > MAX_LEN {
        return Err("longer than 64 MiB".to_owned());
    }
    Ok(content)
}

fn file_error(path: &Path, problem: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::File).about(&format!("{}: {problem}", path.display()))
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.path).finish()
    }
}
