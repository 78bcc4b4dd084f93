//! Outgoing calls: no more of them than a quota allows, and none while the upstream asks to wait.
//!
//! A client that retries at once what was refused with "come back in five seconds" is refused again,
//! costs the upstream as much as a good call, and teaches it to shut this client out. With this
//! layer, calls wait for their turn, or are answered here when their turn would come too late.
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_ready_ratelimit::{Quota, client::Pace};
//! # use bytes::Bytes;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//!
//! let pace = Pace::new(Quota::per_second(50))?.longest_wait(Duration::from_secs(2));
//! let client = ServiceBuilder::new().layer(pace.layer()).service(service_fn(
//!     |_: Request<()>| async { Ok::<_, ()>(Response::new(Full::<Bytes>::default())) },
//! ));
//! # let _ = client;
//! # Ok::<(), tower_ready_ratelimit::ConfigError>(())
//! ```

mod fields;
mod future;
mod hint;
mod service;

use std::{fmt, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode, header::HOST};
use tokio::time::sleep;
use tower_ready_core::{Deadline, Instant, LocalRejection, Outcome, Verdict};
use tower_ready_problem::{Problem, types::QUOTA_EXCEEDED};

use self::hint::retry_after;
pub use self::{
    future::PaceFuture,
    service::{PaceLayer, PaceService},
};
use crate::{
    ConfigError, ConfigErrorKind, KeyHash, Level, MemoryStore, Quota, Secret,
    hash::KeyHasher,
    line::{Lines, Place},
    quota::Span,
    store::{Demand, Overflow, Table},
};

/// Keeps outgoing calls to a quota, and to what each upstream asks for.
///
/// 1. Each authority (host and port) has a bucket of its own, and a moment before which it wants no
///    calls: that of `Retry-After`, in seconds or as a date, on a `429` or `503`, that of
///    `grpc-retry-pushback-ms`, or that of a `RateLimit` field with nothing left. Of gRPC answers it
///    sees what stands in their head.
/// 2. Calls that wait for one authority go in the order in which they came. A call waits at most as
///    long as [`longest_wait`](Self::longest_wait), and never beyond the [`Deadline`] in its
///    extensions.
/// 3. One whose turn would come later is answered here and at once, as the upstream would: a `429`
///    problem with `Retry-After`, marked by a [`LocalRejection`].
///
/// Clones and layers share all of it.
#[derive(Clone)]
pub struct Pace(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    quota: Quota,
    longest_wait: Duration,
    longest_pause: Duration,
    store: MemoryStore,
    pauses: Arc<Table>,
    lines: Arc<Lines>,
    hasher: KeyHasher,
}

/// When a call may go.
enum Turn {
    Now,
    In(Duration),
}

/// More upstreams than any client has.
const KEYS: usize = 4_096;

impl Pace {
    /// At most this many calls to each authority.
    ///
    /// # Errors
    ///
    /// When the quota cannot be held.
    pub fn new(quota: Quota) -> Result<Self, ConfigError> {
        let failed = |error| ConfigError::new(ConfigErrorKind::Quota(error));
        quota.check().map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            quota,
            longest_wait: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            store: MemoryStore::new(KEYS)?,
            pauses: Arc::new(Table::new(KEYS)),
            lines: Arc::default(),
            hasher: Secret::random().hasher_for("pace"),
        })))
    }

    /// The longest that a call waits for its turn. Default: a second.
    #[must_use]
    pub fn longest_wait(mut self, longest: Duration) -> Self {
        Arc::make_mut(&mut self.0).longest_wait = longest;
        self
    }

    /// The longest that an upstream is believed to want no calls. Default: a minute.
    #[must_use]
    pub fn longest_pause(mut self, longest: Duration) -> Self {
        Arc::make_mut(&mut self.0).longest_pause = longest;
        self
    }

    /// A layer that keeps to this pace.
    pub fn layer(&self) -> PaceLayer {
        PaceLayer::new(self.clone())
    }

    fn key<B>(&self, request: &Request<B>) -> KeyHash {
        let authority = request.uri().authority().map(|it| it.as_str().as_bytes());
        let host = || request.headers().get(HOST).map(http::HeaderValue::as_bytes);
        self.0.hasher.hash(authority.or_else(host).unwrap_or_default())
    }

    /// How much longer an upstream wants no calls.
    fn pause(&self, key: KeyHash, now: Instant) -> Duration {
        let until = self.0.pauses.with(key, now.as_nanos(), Overflow::Refuse, |place| {
            place.map_or(0, |place| place.full.nanos)
        });
        Instant::from_nanos(until).since(now)
    }

    /// Takes a turn, or tells when there will be one.
    fn turn(&self, key: KeyHash, now: Instant) -> Turn {
        let pause = self.pause(key, now);
        if !pause.is_zero() {
            return Turn::In(pause);
        }
        match self.0.store.check(now, &Demand::new(key, &self.0.quota)) {
            Ok(_) => Turn::Now,
            Err(level) => Turn::In(level.wait(1).unwrap_or(Duration::MAX)),
        }
    }

    /// Takes a turn if nobody waits for one.
    fn turn_at_once(&self, key: KeyHash, now: Instant) -> bool {
        !self.0.lines.has(key) && matches!(self.turn(key, now), Turn::Now)
    }

    /// Gets in line, if a turn comes in time; else it tells how long that would take.
    fn line_up(&self, key: KeyHash, now: Instant, until: Instant) -> Result<Place, Duration> {
        let (pause, level) = self.after_pause(key, now);
        let start = now + pause;
        if start > until {
            return Err(told(pause, level));
        }
        let joined = self.0.lines.join(key, 1, level, true, until.since(start));
        joined.map_err(|served| told(pause, served))
    }

    /// Waits for a turn, or finds out how long that would take.
    async fn wait(self, key: KeyHash, until: Instant, place: Place) -> Result<(), Duration> {
        let Ok(_turn) = place.turn(until.since(Instant::now())).await else {
            let (pause, level) = self.after_pause(key, Instant::now());
            return Err(told(pause, level));
        };
        loop {
            let now = Instant::now();
            match self.turn(key, now) {
                Turn::Now => return Ok(()),
                Turn::In(wait) if now + wait <= until => sleep(wait).await,
                Turn::In(wait) => return Err(wait),
            }
        }
    }

    /// How long a pause lasts, and how the bucket will stand then if nobody takes.
    fn after_pause(&self, key: KeyHash, now: Instant) -> (Duration, Level) {
        let pause = self.pause(key, now);
        let level = self.0.store.peek(now + pause, &Demand::new(key, &self.0.quota));
        (pause, level)
    }

    /// Until when a call may wait.
    fn patience<B>(&self, request: &Request<B>, now: Instant) -> Instant {
        let own = now + self.0.longest_wait;
        Deadline::of(request.extensions()).map_or(own, |deadline| own.min(deadline.moment()))
    }

    /// Remembers what an answer asks for. A shorter pause never ends a longer one.
    fn learn<B>(&self, key: KeyHash, response: &Response<B>) {
        let Some(pause) = asked_pause(response) else {
            return;
        };
        let now = Instant::now();
        let until = (now + pause.min(self.0.longest_pause)).as_nanos();
        self.0.pauses.with(key, now.as_nanos(), Overflow::Refuse, |place| {
            if let Some(mut place) = place
                && place.full.nanos < until
            {
                place.write(Span { nanos: until, part: 0 });
            }
        });
    }
}

/// The answer in place of the upstream's.
fn refusal(wait: Duration) -> Problem {
    Problem::new(&QUOTA_EXCEEDED)
        .violated_policy("upstream")
        .retry_after(wait)
        .rejected_by(LocalRejection::new("ratelimit", "pace"))
}

/// How long an upstream wants no calls.
fn asked_pause<B>(response: &Response<B>) -> Option<Duration> {
    let headers = response.headers();
    let told = match Verdict::of_head(response) {
        Verdict::Known(Outcome::Ignored) => return None,
        Verdict::Known(Outcome::RateLimited(told)) => told.or_else(|| retry_after(headers)),
        Verdict::Known(_) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            retry_after(headers)
        }
        _ => None,
    };
    told.max(fields::nothing_left(headers))
}

/// How long until a call may go, after a pause that leaves the bucket like this.
fn told(pause: Duration, level: Level) -> Duration {
    pause.saturating_add(level.wait(1).unwrap_or(Duration::MAX))
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("quota", &self.0.quota)
            .field("longest_wait", &self.0.longest_wait)
            .field("longest_pause", &self.0.longest_pause)
            .finish_non_exhaustive()
    }
}
