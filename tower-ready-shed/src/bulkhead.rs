//! The policy, which is the handle too.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tower_ready_core::{Deadline, Head, Instant, LocalRejection};
use tower_ready_problem::{Caller, Problem, ProblemType};

use crate::{
    BulkheadBuilder, ConfigError, ConfigErrorKind, Event, OnShed, Priority, Reason, ShedLayer,
    Stats,
    adaptive::Learner,
    gate::{Enqueued, Gate},
    jitter::Jitter,
    line::Rule,
    permit::Permit,
    stats::Counters,
    wait::Wait,
};

/// How many requests are served at a time, and what becomes of the others.
///
/// Clones share everything, and so do all layers made from one bulkhead, on however many routes and
/// connections. Keep a clone to look at it and to change its limit while it serves.
///
/// ```
/// use tower_ready_shed::Bulkhead;
///
/// let bulkhead = Bulkhead::builder()
///     .limit(200)
///     .exempt(|head| head.uri().path() == "/livez")
///     .build()?;
/// let layer = bulkhead.layer();
///
/// assert_eq!((bulkhead.in_flight(), bulkhead.limit()), (0, 200));
/// bulkhead.set_limit(100)?;
/// # Ok::<(), tower_ready_shed::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Bulkhead(pub(crate) Arc<Inner>);

pub(crate) type Predicate = Box<dyn Fn(&Head<'_>) -> bool + Send + Sync>;
pub(crate) type Choice = Box<dyn Fn(&Head<'_>) -> Priority + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) gate: Gate,
    pub(crate) learner: Option<Box<Learner>>,
    pub(crate) exempt: Vec<Predicate>,
    pub(crate) priority: Option<Choice>,
    pub(crate) rule: Option<Rule>,
    pub(crate) problem: &'static ProblemType,
    pub(crate) retry_after: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) counters: Counters,
    pub(crate) observer: Box<dyn OnShed>,
}

/// What becomes of a request.
pub(crate) enum Decision {
    /// It is not counted.
    Exempt,
    /// It has a slot.
    Admitted(Permit),
    /// It waits for one.
    Waits(Wait),
    /// It is turned away.
    Refused(Priority, Reason),
}

impl Bulkhead {
    /// Starts from the defaults: 512 at a time, and nobody waits.
    pub fn builder() -> BulkheadBuilder {
        BulkheadBuilder::new()
    }

    /// A layer of this bulkhead. All of its layers share its slots.
    pub fn layer(&self) -> ShedLayer {
        ShedLayer::new(self.clone())
    }

    /// How many are served at a time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.gate.limit() as usize
    }

    /// Sets how many are served at a time, from now on. What is being served goes on. An
    /// [adaptive](BulkheadBuilder::adaptive) limit sets itself anew when it has learnt more.
    ///
    /// # Errors
    ///
    /// When the limit is zero or above two billion.
    pub fn set_limit(&self, limit: usize) -> Result<(), ConfigError> {
        self.0.gate.set_limit(checked_limit(limit)?);
        Ok(())
    }

    /// How many are being served, to the ends of their bodies.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.gate.taken() as usize
    }

    /// How many wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.gate.waiting() as usize
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.counters.read()
    }
}

/// The counter has 32 bits, of which one is kept free.
pub(crate) fn checked_limit(limit: usize) -> Result<u32, ConfigError> {
    match u32::try_from(limit) {
        Ok(limit) if limit > 0 && limit <= u32::MAX / 2 => Ok(limit),
        _ => Err(ConfigError::new(ConfigErrorKind::Limit)),
    }
}

impl Inner {
    #[inline]
    pub(crate) fn decide(self: &Arc<Self>, head: &Head<'_>) -> Decision {
        if self.exempt.iter().any(|exempt| exempt(head)) {
            return Decision::Exempt;
        }
        let priority = match &self.priority {
            Some(choose) => choose(head),
            None => Priority::Normal,
        };
        if self.gate.try_take(priority) {
            return Decision::Admitted(Permit::new(Arc::clone(self)));
        }
        self.full(head, priority)
    }

    #[cold]
    fn full(self: &Arc<Self>, head: &Head<'_>, priority: Priority) -> Decision {
        let Some(rule) = &self.rule else {
            return Decision::Refused(priority, Reason::Full);
        };
        // Whoever is gone before a slot can come only keeps others from it.
        let left = Deadline::of(head.extensions()).map(|it| it.remaining(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Decision::Refused(priority, Reason::Waited);
        }
        match self.gate.enqueue(priority, rule) {
            Enqueued::Taken => Decision::Admitted(Permit::new(Arc::clone(self))),
            Enqueued::Waits(place) => {
                Decision::Waits(Wait::new(Arc::clone(self), place, priority, left))
            }
            Enqueued::Full => Decision::Refused(priority, Reason::Full),
        }
    }

    /// Learns from a call that took so long, and moves the limit if it is time to.
    #[inline]
    pub(crate) fn learn(&self, began: Instant, now: Instant) {
        if let Some(learner) = &self.learner {
            let limit = learner.learn(began, now, self.gate.taken(), || self.jitter.unit());
            if let Some(limit) = limit {
                self.adjust(limit);
            }
        }
    }

    /// The same from a call that was given up.
    #[cold]
    pub(crate) fn learn_of_abandoned(&self, began: Instant, now: Instant) {
        if let Some(learner) = &self.learner
            && learner.is_slow(began, now)
        {
            self.learn(began, now);
        }
    }

    #[cold]
    fn adjust(&self, limit: u32) {
        self.gate.set_limit(limit);
        self.observer.on_event(&Event::Adjusted { limit: limit as usize });
    }

    /// The answer to a request that is turned away.
    #[cold]
    pub(crate) fn refuse<B>(
        &self,
        request: &Request<B>,
        priority: Priority,
        reason: Reason,
    ) -> Response<Bytes> {
        let caller = Caller::of(request);
        self.counters.refused(reason);
        self.observer.on_event(&Event::Refused {
            reason,
            priority,
            protocol: caller.protocol(),
            path: caller.path(),
            in_flight: self.gate.taken() as usize,
            limit: self.gate.limit() as usize,
        });
        Problem::new(self.problem)
            .retry_after(self.jitter.around(self.retry_after))
            .rejected_by(LocalRejection::new("shed", reason.as_str()))
            .answer(&caller)
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
