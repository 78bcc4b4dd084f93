use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::{Head, Instant};
use tower_ready_problem::{ProblemType, types};

use crate::{
    Adaptive, Bulkhead, ConfigError, ConfigErrorKind, Cpu, OnShed, Partitions, Priority, Queue,
    adaptive::Learner,
    admission::{Choice, Inner, Predicate},
    bulkhead::checked_limit,
    gate::{Gate, Shares},
    is_health_check,
    jitter::Jitter,
    stats::Counters,
};

/// Puts a [`Bulkhead`] together.
#[must_use = "nothing is limited until the bulkhead is built"]
pub struct BulkheadBuilder {
    limit: usize,
    adaptive: Option<Adaptive>,
    queue: Option<Queue>,
    cpu: Option<Cpu>,
    partitions: Option<Partitions>,
    exempt: Vec<Predicate>,
    never_shed: Predicate,
    priority: Option<Choice>,
    shares: (f64, f64),
    problem: &'static ProblemType,
    retry_after: Duration,
    observer: Box<dyn OnShed>,
}

impl BulkheadBuilder {
    pub(crate) fn new() -> Self {
        Self {
            limit: 512,
            adaptive: None,
            queue: None,
            cpu: None,
            partitions: None,
            exempt: Vec::new(),
            never_shed: Box::new(is_health_check),
            priority: None,
            shares: (0.7, 0.9),
            problem: &types::OVERLOADED,
            retry_after: Duration::from_secs(1),
            observer: Box::new(()),
        }
    }

    /// How many requests are served at a time, to the ends of their bodies. Default: 512.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Finds the limit from how long answers take, up to their heads, in place of a fixed one.
    /// Default: the limit is fixed.
    pub fn adaptive(mut self, adaptive: Adaptive) -> Self {
        self.adaptive = Some(adaptive);
        self
    }

    /// Lets some wait for a slot. Default: nobody waits, and whoever finds no slot is turned away.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Guarantees parts of the slots to groups of requests. Default: none.
    pub fn partitions(mut self, partitions: Partitions) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Turns requests away while the processors are too busy. Default: they may be as busy as they
    /// are. `problem` with
    /// [`TEMPORARY_REDUCED_CAPACITY`](tower_ready_problem::types::TEMPORARY_REDUCED_CAPACITY) suits
    /// a bulkhead that has this.
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// Requests that take a slot if there is one and are served if there is none: nobody turns them
    /// away. Default: [health checks](is_health_check). It is asked only when somebody would be
    /// turned away, so it costs the others nothing.
    pub fn never_shed(
        mut self,
        critical: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.never_shed = Box::new(critical);
        self
    }

    /// Requests that are served in any case and take no slot: streams that last, the admin's own.
    /// Default: none.
    pub fn exempt(mut self, exempt: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.exempt.push(Box::new(exempt));
        self
    }

    /// How important each request is. Default: all are [`Priority::Normal`] and may fill all slots.
    pub fn priority(
        mut self,
        choose: impl Fn(&Head<'_>) -> Priority + Send + Sync + 'static,
    ) -> Self {
        self.priority = Some(Box::new(choose));
        self
    }

    /// Which part of all slots may be taken for one of low priority to still get one, and which for
    /// one of normal priority; the rest is kept for what is more important. Each may take the first
    /// slot in any case. It counts only with [`priority`](Self::priority). Default: 0.7 and 0.9.
    pub fn shares(mut self, low: f64, normal: f64) -> Self {
        self.shares = (low, normal);
        self
    }

    /// What those are answered that are turned away. Default:
    /// [`OVERLOADED`](tower_ready_problem::types::OVERLOADED), 503 and `UNAVAILABLE`, on which
    /// clients try another instance. [`EXHAUSTED`](crate::EXHAUSTED) says `RESOURCE_EXHAUSTED`
    /// instead, on which they do not.
    pub fn problem(mut self, problem: &'static ProblemType) -> Self {
        self.problem = problem;
        self
    }

    /// When to come back, about: each is told a time between half of this and one and a half.
    /// Default: one second.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Hears of those that are turned away. Default: nobody.
    pub fn on_event(mut self, observer: impl OnShed) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<Bulkhead, ConfigError> {
        // The first read of the clock takes its time, and is not left to a request.
        let now = Instant::now();
        let learner = match self.adaptive {
            Some(adaptive) => Some(Box::new(Learner::new(adaptive.checked()?, now))),
            None => None,
        };
        let limit = match &learner {
            Some(learner) => learner.limit(),
            None => checked_limit(self.limit)?,
        };
        let shares = match self.priority {
            Some(_) => thousandths(self.shares)?,
            None => Shares::ALL,
        };
        let rule = self.queue.map(Queue::checked).transpose()?;
        if self.retry_after > MOST {
            return Err(ConfigError::new(ConfigErrorKind::RetryAfter));
        }
        let groups = self.partitions.map(Partitions::checked).transpose()?;
        Ok(Bulkhead(Arc::new(Inner {
            gate: Gate::new(limit, shares, groups),
            learner,
            cpu: self.cpu.map(|cpu| cpu.checked(now).map(Box::new)).transpose()?,
            exempt: self.exempt,
            never_shed: self.never_shed,
            priority: self.priority,
            rule,
            problem: self.problem,
            retry_after: self.retry_after,
            jitter: Jitter::new(),
            counters: Counters::default(),
            observer: self.observer,
        })))
    }
}

/// A day: who is told more never comes back.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

fn thousandths((low, normal): (f64, f64)) -> Result<Shares, ConfigError> {
    if low > 0.0 && low <= normal && normal <= 1.0 {
        Ok(Shares {
            low: (low * 1_000.0).round() as u32,
            normal: (normal * 1_000.0).round() as u32,
        })
    } else {
        Err(ConfigError::new(ConfigErrorKind::Shares))
    }
}

impl fmt::Debug for BulkheadBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadBuilder")
            .field("limit", &self.limit)
            .field("adaptive", &self.adaptive)
            .field("queue", &self.queue)
            .field("shares", &self.shares)
            .finish_non_exhaustive()
    }
}
