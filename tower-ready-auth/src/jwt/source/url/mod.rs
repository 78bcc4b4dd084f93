//! Keys from a URL.

mod builder;
mod fetch;
mod refresh;
mod retired;

use std::{
    fmt,
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Uri;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tower_ready_core::Instant;

pub use self::builder::KeyUrlBuilder;
use self::fetch::Client;
use super::Current;
use crate::{ConfigError, KeySet, outbound::Reach};

/// A JWK set at a URL, or at the one that an issuer names (OpenID Connect Discovery §4). A cheap
/// handle; the last one that goes ends the task behind it.
///
/// 1. A task fetches it at once, again ahead of its expiry, and after a failure ever more rarely.
///    Requests never fetch: at most they wait for the task.
/// 2. When it fails, the last good set stays, up to a maximum age.
/// 3. A token of a key that is not in the set makes the task look at once, and is checked again
///    with what it finds: the first token after a rotation is good. That happens once in a cooldown,
///    however many ask; who asks in between is refused at once.
/// 4. Nothing that comes from there is believed beyond its due: length, number of keys and time are
///    bounded, redirects are not followed, names that lead to private addresses are not called, and
///    a key that is bad is skipped.
///
/// ```no_run
/// use tower_ready_auth::{JwtVerifier, KeyUrl};
///
/// # async fn start() -> Result<(), tower_ready_auth::ConfigError> {
/// let keys = KeyUrl::discover("https://issuer.example").build()?;
/// keys.ready().await; // or start at once, and answer 503 until they are there
/// let verifier = JwtVerifier::builder()
///     .issuer("https://issuer.example")
///     .audience("orders")
///     .keys(keys)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyUrl(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the task and the requests share.
struct Shared {
    config: Config,
    client: Client,
    current: Arc<Current>,
    wanted: Notify,
    /// How many attempts have begun.
    begun: AtomicU64,
    /// How many of them have ended. The task has the other end, so that nobody waits for one that
    /// is gone.
    attempts: watch::Receiver<u64>,
    in_flight: AtomicBool,
    asked: Mutex<Option<Asked>>,
}

/// When a request last made the task look, and which attempt that is.
struct Asked {
    at: Instant,
    attempt: u64,
}

#[derive(Clone, Debug)]
struct Config {
    origin: Origin,
    refresh: Duration,
    max_stale: Duration,
    cooldown: Duration,
    reach: Reach,
    key_hosts: Vec<Box<str>>,
    grace: Duration,
    /// Where the token for the server of the keys is.
    bearer: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Origin {
    Keys(Uri),
    /// The places where its metadata may be.
    Issuer {
        name: Box<str>,
        documents: Vec<Uri>,
    },
}

impl KeyUrl {
    /// The set at this URL.
    pub fn builder(url: &str) -> KeyUrlBuilder {
        KeyUrlBuilder::keys(url)
    }

    /// The set that an issuer names in its metadata: at `ISSUER/.well-known/openid-configuration`, or
    /// where RFC 8414 has them, with `/.well-known/oauth-authorization-server` before the path.
    pub fn discover(issuer: &str) -> KeyUrlBuilder {
        KeyUrlBuilder::issuer(issuer)
    }

    fn start(config: Config) -> Result<Self, ConfigError> {
        let client = Client::new(&config)?;
        let (ended, attempts) = watch::channel(0);
        let shared = Arc::new(Shared {
            config,
            client,
            current: Arc::new(Current::default()),
            wanted: Notify::new(),
            begun: AtomicU64::new(0),
            attempts,
            in_flight: AtomicBool::new(true),
            asked: Mutex::new(None),
        });
        let task = tokio::spawn(refresh::run(Arc::clone(&shared), ended));
        Ok(Self(Arc::new(Handle { shared, task })))
    }

    /// Waits until there are keys.
    pub async fn ready(&self) {
        let mut attempts = self.0.shared.attempts.clone();
        while !self.is_ready() {
            if attempts.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether there are keys, so that a service may be called ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.shared.current.load().is_some()
    }

    /// The keys in use, or none if none have come yet or the last are too old.
    #[must_use]
    pub fn keys(&self) -> Option<KeySet> {
        let current = self.0.shared.current.load();
        current.as_ref().map(|snapshot| snapshot.keys.clone())
    }

    /// Looks now, and waits until that is done.
    pub async fn refresh(&self) {
        let shared = &self.0.shared;
        let mut attempts = shared.attempts.clone();
        // One that is under way may have its answer already, and says nothing of now.
        let next = shared.begun.load(Ordering::Acquire) + 1;
        shared.wanted.notify_one();
        let _ = attempts.wait_for(|ended| *ended >= next).await;
    }

    pub(super) fn current(&self) -> &Arc<Current> {
        &self.0.shared.current
    }

    /// New keys for a token that those of this generation were not good for: already there, on
    /// their way, or fetched now; none within the cooldown.
    pub(crate) fn fetch_for(
        &self,
        generation: Option<u64>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let shared = &self.0.shared;
        let mut attempts = shared.attempts.clone();
        let now = shared.current.load().as_ref().map(|it| it.generation);
        let is_under_way = shared.in_flight.load(Ordering::Acquire);
        let ended = *attempts.borrow_and_update();
        let next = match () {
            () if now != generation => ended,
            // Without any keys, each attempt is as good as the other.
            () if is_under_way && now.is_none() => ended + 1,
            () => shared.due(ended)?,
        };
        let current = Arc::clone(&shared.current);
        Some(async move {
            let is_new = || current.load().as_ref().map(|it| it.generation) != generation;
            // An error means that the task is gone, and with it all hope.
            let _ = attempts.wait_for(|ended| *ended >= next || is_new()).await;
        })
    }
}

impl Shared {
    /// The attempt that may find a new key: of the task's own accord or because somebody has asked
    /// for it, now or not long ago.
    fn due(&self, ended: u64) -> Option<u64> {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*asked
            && now < last.at + self.config.cooldown
        {
            let is_under_way = self.in_flight.load(Ordering::Acquire);
            return if last.attempt > ended {
                Some(last.attempt)
            } else {
                is_under_way.then_some(ended + 1)
            };
        }
        // One that is under way may have an answer from before the key was there.
        let attempt = self.begun.load(Ordering::Acquire) + 1;
        *asked = Some(Asked { at: now, attempt });
        self.in_flight.store(true, Ordering::Release);
        self.wanted.notify_one();
        Some(attempt)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyUrl")
            .field("from", &self.0.shared.config.origin)
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
