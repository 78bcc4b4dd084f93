use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::{Deadline, Head, Instant};

use crate::{
    ClientDeadlineLayer, ConfigError, ConfigErrorKind, OnDeadline, Stats, current,
    header::{asked, names_grpc_timeout},
    stats::Ledger,
    watch::Bodies,
};

/// How long the calls of a client may take, and what it tells the servers of that.
///
/// ```
/// use std::time::Duration;
///
/// use tower_ready_deadline::ClientDeadlines;
///
/// let deadlines = ClientDeadlines::builder().attempt(Duration::from_secs(1)).build()?;
/// let layer = deadlines.layer();
/// # Ok::<(), tower_ready_deadline::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ClientDeadlines(pub(super) Arc<Inner>);

pub(super) struct Inner {
    attempt: Option<Duration>,
    margin: Duration,
    pub(super) ledger: Arc<Ledger>,
}

/// Puts [`ClientDeadlines`] together.
#[must_use = "nothing has a deadline until the policy is built"]
pub struct ClientDeadlinesBuilder {
    attempt: Option<Duration>,
    margin: Duration,
    bodies: Bodies,
    observer: Box<dyn OnDeadline>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nobody waits for it.
    Free,
    /// It ends then, and the server is told of so much.
    Until { deadline: Deadline, told: Duration, is_hurried: bool },
    /// There is no time to make it.
    Spent,
}

/// tonic's channel has a timer of its own for the header that we write, inside of every layer, and
/// what it says is `CANCELLED`. So ours has to ring a little before it: timers count milliseconds.
const EARLIER: Duration = Duration::from_millis(2);

impl ClientDeadlines {
    /// Starts from the defaults: what remains of the request that is being served, less ten
    /// milliseconds.
    pub fn builder() -> ClientDeadlinesBuilder {
        ClientDeadlinesBuilder {
            attempt: None,
            margin: Duration::from_millis(10),
            bodies: Bodies { http: false, idle: None },
            observer: Box::new(()),
        }
    }

    /// A layer that holds calls to these deadlines.
    pub fn layer(&self) -> ClientDeadlineLayer {
        ClientDeadlineLayer::new(self.clone())
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.ledger.read()
    }
}

impl ClientDeadlinesBuilder {
    /// The longest that one call may take: outside of a retry layer the whole, inside of it each
    /// attempt. Default: no limit but the deadline of the request that is being served.
    ///
    /// It also tells what a timeout means. A call that had less because the caller of the request
    /// that is being served is in a hurry says nothing of the server: such timeouts, ours and the
    /// server's own, are marked as a [local rejection](tower_ready_core::LocalRejection), `deadline`
    /// and `hurried`, which no breaker counts and nobody retries; those in a body that the deadline
    /// covers are no failure either ([`Hurried`](tower_ready_core::Hurried)). Else whoever asks with
    /// a few milliseconds, some times in a row, would open the circuit of a healthy server for all.
    ///
    /// So it should be shorter than the time of the requests that are served here: one that is as
    /// long takes every caller for one in a hurry, and no breaker ever hears of a timeout.
    pub fn attempt(mut self, attempt: Duration) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// How much less than what remains the server is told, for the way there and back, so that its
    /// answer that it gave up arrives before we do. Default: ten milliseconds.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Whether the deadline covers the bodies of answers over plain HTTP and unary Connect too.
    /// Default: no. Streams of gRPC, gRPC-Web and Connect are covered always.
    pub fn http_bodies(mut self, cover: bool) -> Self {
        self.bodies.http = cover;
        self
    }

    /// How long the body of any answer may be silent. Default: for ever.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.bodies.idle = Some(idle);
        self
    }

    /// Hears of what expired or was spent. Default: nobody.
    pub fn on_event(mut self, observer: impl OnDeadline) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<ClientDeadlines, ConfigError> {
        let failed = |kind| Err(ConfigError::new(kind));
        match self.attempt {
            Some(Duration::ZERO) => return failed(ConfigErrorKind::Attempt),
            Some(attempt) if attempt <= self.margin => return failed(ConfigErrorKind::Margin),
            _ => {}
        }
        if self.bodies.idle == Some(Duration::ZERO) {
            return failed(ConfigErrorKind::Idle);
        }
        let _ = Instant::now();
        Ok(ClientDeadlines(Arc::new(Inner {
            attempt: self.attempt,
            margin: self.margin,
            ledger: Arc::new(Ledger::new(self.bodies, self.observer)),
        })))
    }
}

impl Inner {
    /// The earliest of what the request carries, what is being served here, and the attempt.
    pub(super) fn plan(&self, head: &Head<'_>) -> Plan {
        // A header that is there already was written by somebody who knows less than nothing if it
        // makes no sense; it is written anew then.
        let named = asked(head.headers()).time;
        let outer = Deadline::of(head.extensions()).into_iter().chain(current()).min();
        let own = named.into_iter().chain(self.attempt).min();
        if own.is_none() && outer.is_none() {
            return Plan::Free;
        }
        let now = Instant::now();
        let own = own.map(|time| Deadline::at(now + time));
        let Some(deadline) = own.into_iter().chain(outer).min() else {
            return Plan::Free;
        };
        let told = deadline.remaining(now).saturating_sub(self.margin);
        // A millisecond is the least that every protocol can tell.
        if told < Duration::from_millis(1) {
            return Plan::Spent;
        }
        // Less than an attempt has otherwise, since somebody else is in a hurry. A layer around this
        // one may have told so in the header already.
        let is_hurried = self.attempt.is_some_and(|attempt| deadline.moment() < now + attempt);
        let deadline = if names_grpc_timeout(head.protocol()) {
            deadline.min(Deadline::at(now + (told - EARLIER.min(told / 2))))
        } else {
            deadline
        };
        Plan::Until { deadline, told, is_hurried }
    }
}

impl fmt::Debug for ClientDeadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDeadlines")
            .field("attempt", &self.0.attempt)
            .field("margin", &self.0.margin)
            .field("bodies", &self.0.ledger.bodies)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientDeadlinesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDeadlinesBuilder")
            .field("attempt", &self.attempt)
            .field("margin", &self.margin)
            .field("bodies", &self.bodies)
            .finish_non_exhaustive()
    }
}
