//! One check of a dependency, as its user writes it.

use std::{borrow::Cow, fmt, pin::Pin, sync::Arc, time::Duration};

use super::{ConfigError, ConfigErrorKind, Criticality};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Looking = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
pub(super) type Look = Arc<dyn Fn() -> Looking + Send + Sync>;

/// How the health of one dependency is found out, how often, and what it means.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_shutdown::health::Check;
///
/// # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
/// let database = Check::new("database", || async { ping().await })
///     .every(Duration::from_secs(5))
///     .timeout(Duration::from_secs(1))
///     .fall(3);
/// let mail = Check::tcp("mail", "mail.internal:25").degrading();
/// ```
#[derive(Clone)]
#[must_use = "nothing is checked until it is given to `HealthBuilder::check`"]
pub struct Check {
    pub(super) name: Cow<'static, str>,
    pub(super) look: Result<Look, ConfigError>,
    pub(super) criticality: Criticality,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) rise: u32,
    pub(super) fall: u32,
    pub(super) max_stale: Option<Duration>,
    pub(super) fail_open_after: Option<Duration>,
}

impl Check {
    /// A check of your own. It is called in the background, never by a probe, and never again
    /// before it is over; at its timeout its future is dropped.
    ///
    /// What blocks, such as a file system, belongs into `tokio::task::spawn_blocking`.
    pub fn new<F, R, E>(name: impl Into<Cow<'static, str>>, look: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let look: Look = Arc::new(move || {
            let looking = look();
            Box::pin(async move { looking.await.map_err(Into::into) })
        });
        Self::of(name.into(), Ok(look))
    }

    /// A check that cannot be made, of which the builder tells.
    pub(super) fn of(name: Cow<'static, str>, look: Result<Look, ConfigError>) -> Self {
        Self {
            name,
            look,
            criticality: Criticality::Required,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            max_stale: None,
            fail_open_after: None,
        }
    }

    /// Without it no request can be served: its failure makes the instance not ready. The default.
    ///
    /// Think twice before you require what all instances share. When it is down they all leave the
    /// balancer at once, and callers get no answer at all, not even the ones that need nothing of
    /// it. [`degrading`](Self::degrading) is right more often, or
    /// [`fail_open_after`](Self::fail_open_after).
    pub fn required(mut self) -> Self {
        self.criticality = Criticality::Required;
        self
    }

    /// Without it requests are served less well: its failure is a warning, and readiness stays.
    pub fn degrading(mut self) -> Self {
        self.criticality = Criticality::Degrading;
        self
    }

    /// It is shown, and counts for nothing.
    pub fn informative(mut self) -> Self {
        self.criticality = Criticality::Informative;
        self
    }

    /// From the start of one run to the start of the next, less up to a tenth at random, so that
    /// the instances of a fleet do not all ask at once. Default: five seconds.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long one run may take; what takes longer failed. Default: one second. At most the
    /// interval.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many passes in a row bring a failed check back. Default: 2; the very first pass counts
    /// at once.
    pub fn rise(mut self, passes: u32) -> Self {
        self.rise = passes;
        self
    }

    /// How many failures in a row it takes to fail. Default: 3. What dies is noticed within
    /// interval × fall + timeout.
    pub fn fall(mut self, failures: u32) -> Self {
        self.fall = failures;
        self
    }

    /// How old a result may be and still count. Default: three intervals. Beyond it the check
    /// fails, which happens when the runtime is too busy to run it.
    pub fn max_stale(mut self, age: Duration) -> Self {
        self.max_stale = Some(age);
        self
    }

    /// After so long a failure the check only warns, so that a fleet which has lost what all of it
    /// shares takes requests again and answers what it can. An instance that never saw it pass
    /// stays out. Default: never.
    pub fn fail_open_after(mut self, time: Duration) -> Self {
        self.fail_open_after = Some(time);
        self
    }

    pub(super) fn stale_after(&self) -> Duration {
        self.max_stale.unwrap_or_else(|| self.interval.saturating_mul(3))
    }

    pub(super) fn validate(&self) -> Result<Look, ConfigError> {
        let failed = |kind| Err(ConfigError::new(kind, self.name.clone()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let name = &*self.name;
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) || name == "lifecycle" {
            return failed(ConfigErrorKind::Name);
        }
        if self.interval.is_zero() {
            return failed(ConfigErrorKind::Interval);
        }
        if self.timeout.is_zero() || self.timeout > self.interval {
            return failed(ConfigErrorKind::Timeout);
        }
        if self.rise == 0 || self.fall == 0 {
            return failed(ConfigErrorKind::Threshold);
        }
        if self.stale_after() <= self.interval.saturating_add(self.timeout) {
            return failed(ConfigErrorKind::MaxStale);
        }
        self.look.clone()
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("criticality", &self.criticality)
            .field("every", &self.interval)
            .field("timeout", &self.timeout)
            .field("rise", &self.rise)
            .field("fall", &self.fall)
            .finish_non_exhaustive()
    }
}
