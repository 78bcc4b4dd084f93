//! What all handles of a store share, and the one way to Redis.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot, time};
use tower_ready_core::Instant;

use super::{
    ExecuteError, Script, ScriptExecutor,
    batch::{Batches, Wish},
    breaker::Breaker,
    denied::Denied,
    holders::Holders,
    scripts::{self, Scripts, Words},
    settings::Settings,
    share::Shadow,
    stats::Counters,
    terms::Terms,
    ticks::Ticks,
};
use crate::{
    Quota,
    quota::Span,
    store::{Change, Reading, StoreError},
};

/// Whoever waits for the answer about a set.
pub(super) type Waiter = oneshot::Sender<Answered<Vec<Reading>>>;

/// An answer, and the moment of which it tells.
pub(super) type Answered<T> = Result<(Instant, T), StoreError>;

impl Reading {
    /// The same bucket at another moment: what it lacked then it lacks now.
    pub(super) fn as_of(self, then: Instant, now: Instant) -> Self {
        let Span { nanos, part } = self.full;
        let lacks = nanos.saturating_sub(then.as_nanos());
        let nanos = if nanos > then.as_nanos() { now.as_nanos() + lacks } else { now.as_nanos() };
        let part = if nanos > now.as_nanos() { part } else { 0 };
        Self { full: Span { nanos, part }, ..self }
    }
}

pub(super) struct Inner<E> {
    pub(super) executor: E,
    pub(super) settings: Settings,
    pub(super) scripts: Scripts,
    /// By what Redis knows this instance. Another one each time it starts.
    pub(super) node: String,
    pub(super) runtime: Handle,
    pub(super) breaker: Breaker,
    pub(super) batches: Batches<Waiter>,
    pub(super) denied: Denied,
    pub(super) shadow: Shadow,
    pub(super) holders: Holders,
    /// The number of the last message about leases: of all buckets, so that it never repeats.
    pub(super) sequence: AtomicU64,
    pub(super) instances: AtomicU64,
    /// Redis is a cluster: buckets of different callers are not taken from in one call.
    pub(super) splits: AtomicBool,
    pub(super) drains: AtomicBool,
    pub(super) counters: Counters,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// The keys belong to different nodes.
    CrossSlot,
    Failed(StoreError),
}

impl<E: ScriptExecutor> Inner<E> {
    /// Sends one command. Returns its answer, and a moment before it was sent.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &Words,
    ) -> Result<(Instant, Vec<i64>), CallError> {
        let asked = Instant::now();
        if !self.breaker.admit(asked) {
            return Err(CallError::Failed(skipped()));
        }
        let call = async {
            self.counters.trips.add_one();
            match self.executor.evalsha(script, keys, args).await {
                // After a restart, a failover, a SCRIPT FLUSH. Nothing has run yet.
                Err(ExecuteError::UnknownScript) => {
                    self.counters.reloads.add_one();
                    self.counters.trips.add_one();
                    self.executor.eval(script, keys, args).await
                }
                answer => answer,
            }
        };
        let answer = match time::timeout(self.settings.deadline, call).await {
            Ok(answer) => answer,
            Err(_) => Err(ExecuteError::failed("Redis did not answer in time")),
        };
        let now = Instant::now();
        // An answer may be older than its timer shows, if the process was stopped meanwhile.
        let is_late = now.since(asked) > 2 * self.settings.deadline + Duration::from_millis(20);
        let outcome = match answer {
            Ok(_) if is_late => Err(CallError::Failed(StoreError::new("the answer came too late"))),
            Ok(numbers) => Ok((asked, numbers)),
            Err(ExecuteError::CrossSlot) => Err(CallError::CrossSlot),
            Err(error) => Err(CallError::Failed(StoreError::new(error))),
        };
        let has_failed = matches!(outcome, Err(CallError::Failed(_)));
        if has_failed {
            self.counters.failures.add_one();
        }
        if self.breaker.record(now, !has_failed) == Some(true) {
            self.counters.outages.add_one();
        }
        outcome
    }

    /// Changes a bucket, or looks at it.
    pub(super) async fn adjust(&self, wish: &Wish, change: Option<Change>) -> Answered<Reading> {
        let leased = self.settings.leases(&wish.quota);
        let keys = [scripts::key(&self.settings.prefix, wish.key, leased)];
        let args = scripts::adjust_args(wish, change, leased);
        match self.run(&self.scripts.adjust, &keys, &args).await {
            Ok((asked, reply)) => {
                let missing = reply.first().and_then(|it| u64::try_from(*it).ok()).unwrap_or(0);
                let rate = wish.quota.rate();
                let full = Ticks::of(&wish.quota).full(asked, missing, rate);
                Ok((asked, Reading { full, enough: true }))
            }
            Err(CallError::Failed(error)) => Err(error),
            Err(CallError::CrossSlot) => Err(StoreError::new("one key is in two places")),
        }
    }

    /// What a bucket lacks at least, as Redis should hear if it was out not long ago.
    pub(super) fn floor(&self, now: Instant, wish: &Wish) -> u64 {
        let full = self.shadow.echo(now, &wish.demand());
        full.map_or(0, |full| Ticks::of(&wish.quota).missing(now, full))
    }

    pub(super) fn terms(&self, quota: &Quota) -> Terms {
        Terms::new(quota, self.settings.life)
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, SeqCst) + 1
    }

    pub(super) fn instances(&self) -> u64 {
        self.instances.load(Relaxed).max(1)
    }

    pub(super) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        // A runtime that is shutting down takes no more tasks, and nobody waits for them.
        drop(self.runtime.spawn(task));
    }
}

pub(super) fn skipped() -> StoreError {
    StoreError::new("Redis failed a moment ago, so it was not asked")
}
