use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::{Head, Instant};

use crate::{
    ConfigError, ConfigErrorKind, Deadlines, OnDeadline,
    deadlines::{Choice, Inner, Predicate},
    stats::Ledger,
    watch::Bodies,
};

/// Puts [`Deadlines`] together.
#[must_use = "nothing has a deadline until the policy is built"]
pub struct DeadlinesBuilder {
    timeout: Duration,
    cap: Option<Duration>,
    floor: Duration,
    margin: Duration,
    timeout_for: Option<Choice>,
    exempt: Vec<Predicate>,
    bodies: Bodies,
    upload_idle: Duration,
    is_extension: bool,
    is_task_local: bool,
    observer: Box<dyn OnDeadline>,
}

impl DeadlinesBuilder {
    pub(crate) fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            cap: None,
            floor: Duration::ZERO,
            margin: Duration::from_millis(5),
            timeout_for: None,
            exempt: Vec::new(),
            bodies: Bodies { http: false, idle: None },
            upload_idle: Duration::from_secs(30),
            is_extension: true,
            is_task_local: false,
            observer: Box::new(()),
        }
    }

    /// How long a request may take whose caller asks for nothing. Default: ten seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The longest that a caller may ask for. Default: the timeout, so that callers can only
    /// shorten it.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = Some(cap);
        self
    }

    /// What has to be left for a request to be begun at all, of a deadline that came with it.
    /// Default: nothing, so that only what has passed already is refused.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// How much less than its caller asked for a request gets, so that the caller hears that its
    /// time is up instead of hanging up in the dark. Default: five milliseconds, and never more than
    /// half.
    ///
    /// tonic's server has a timer of its own for `grpc-timeout`, outside of every layer, which says
    /// `CANCELLED`; this is what lets ours come first.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Chooses another time for some requests, in place of both timeout and cap. Default: none.
    pub fn timeout_for(
        mut self,
        choose: impl Fn(&Head<'_>) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.timeout_for = Some(Box::new(choose));
        self
    }

    /// Requests that this policy shall not end: streams, uploads, upgrades. A deadline that such a
    /// caller names itself holds all the same, for it will have hung up by then. Default: none.
    pub fn exempt(mut self, exempt: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.exempt.push(Box::new(exempt));
        self
    }

    /// Whether the deadline covers the bodies of answers over plain HTTP and unary Connect too,
    /// which are broken off then. Default: no, a head in time is an answer in time. Streams of
    /// gRPC, gRPC-Web and Connect are covered always, since their status comes last.
    pub fn http_bodies(mut self, cover: bool) -> Self {
        self.bodies.http = cover;
        self
    }

    /// How long the body of any answer may be silent while somebody waits for more of it; a slow
    /// reader does not count. Default: for ever.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.bodies.idle = Some(idle);
        self
    }

    /// How long the body of a request may be silent while the handler waits for more of it, under a
    /// layer for [uploads](Deadlines::uploads). Default: 30 s.
    pub fn upload_idle(mut self, idle: Duration) -> Self {
        self.upload_idle = idle;
        self
    }

    /// Whether the [`Deadline`](tower_ready_core::Deadline) goes into the extensions of the request,
    /// where handlers, clients and other layers find it. Default: yes.
    ///
    /// It costs an allocation, and three where it is the first extension: `http` keeps each value
    /// there in a box of its own, in a map that is made for the first, and has no way to keep one
    /// that is made when somebody asks. Most hosts have made the map already. Where nobody looks
    /// there, [`task_local`](Self::task_local) tells the same without any.
    pub fn extension(mut self, insert: bool) -> Self {
        self.is_extension = insert;
        self
    }

    /// Whether [`current`](crate::current) tells the deadline to the code that handles the request,
    /// clients included, without any allocation. Default: no.
    pub fn task_local(mut self, set: bool) -> Self {
        self.is_task_local = set;
        self
    }

    /// Hears of what expired, was spent or made no sense. Default: nobody.
    pub fn on_event(mut self, observer: impl OnDeadline) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<Deadlines, ConfigError> {
        let cap = self.cap.unwrap_or(self.timeout);
        let failed = |kind| Err(ConfigError::new(kind));
        if self.timeout.is_zero() {
            return failed(ConfigErrorKind::Timeout);
        }
        if cap < self.timeout {
            return failed(ConfigErrorKind::Cap);
        }
        if self.floor >= self.timeout {
            return failed(ConfigErrorKind::Floor);
        }
        if self.bodies.idle == Some(Duration::ZERO) || self.upload_idle.is_zero() {
            return failed(ConfigErrorKind::Idle);
        }
        // The first read of the clock takes its time.
        let _ = Instant::now();
        Ok(Deadlines(Arc::new(Inner {
            timeout: self.timeout,
            cap,
            floor: self.floor,
            margin: self.margin,
            timeout_for: self.timeout_for,
            exempt: self.exempt,
            upload_idle: self.upload_idle,
            is_extension: self.is_extension,
            is_task_local: self.is_task_local,
            ledger: Arc::new(Ledger::new(self.bodies, self.observer)),
        })))
    }
}

impl fmt::Debug for DeadlinesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlinesBuilder")
            .field("timeout", &self.timeout)
            .field("cap", &self.cap)
            .field("floor", &self.floor)
            .field("bodies", &self.bodies)
            .finish_non_exhaustive()
    }
}
