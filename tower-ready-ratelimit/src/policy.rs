//! One limit: how much, for whom, and of what.

use std::{borrow::Cow, fmt, sync::Arc};

use http::Method;

use crate::{
    Answer, Head, Quota,
    error::ConfigErrorKind,
    key::{self, Key},
    penalty::Penalty,
    plan::Plans,
};

pub(crate) type Predicate = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;
pub(crate) type Cost = Arc<dyn Fn(&Head<'_>) -> u64 + Send + Sync>;
pub(crate) type Counts = Arc<dyn Fn(&Answer) -> bool + Send + Sync>;

/// One limit: how much, for whom, and of what.
///
/// ```
/// use http::{Method, StatusCode};
/// use tower_ready_ratelimit::{Head, Policy, Quota, key::Address};
///
/// // Five failed logins a minute for each address; good ones cost nothing.
/// let logins = Policy::new("login", Quota::per_minute(5))
///     .key(Address::peer())
///     .when(|head: &Head<'_>| head.uri().path() == "/login")
///     .counts(|answer| answer.status() == Some(StatusCode::UNAUTHORIZED));
///
/// // A thousand units an hour; a search costs ten.
/// let units = Policy::new("units", Quota::per_hour(1_000))
///     .key(Address::peer())
///     .cost(|head: &Head<'_>| if head.uri().path() == "/search" { 10 } else { 1 });
/// ```
#[derive(Clone)]
#[must_use = "a policy limits nothing until a limiter is built with it"]
pub struct Policy {
    pub(crate) name: Cow<'static, str>,
    pub(crate) limit: Limit,
    pub(crate) key: Arc<dyn Key>,
    pub(crate) conditions: Vec<Predicate>,
    pub(crate) cost: Option<Cost>,
    pub(crate) missing: Missing,
    pub(crate) shadow: bool,
    pub(crate) plans: Option<Arc<dyn Plans>>,
    pub(crate) counts: Option<Counts>,
    pub(crate) settle: Option<Settle>,
    pub(crate) debt: u64,
    pub(crate) penalty: Option<Penalty>,
    pub(crate) on_store_error: OnStoreError,
    #[cfg(feature = "delay")]
    pub(crate) delay: Option<std::time::Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Rate(Quota),
    Concurrent(u32),
}

/// What becomes of a request in which a policy does not find its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// All such requests share one bucket, as if they had one key. The default: nobody passes
    /// unlimited, and a host that does not tell the peer's address is slow, not down.
    #[default]
    Share,
    /// The policy does not apply.
    Skip,
    /// It is refused: `400`, or `INVALID_ARGUMENT` over gRPC.
    Refuse,
}

/// What becomes of a request while the store cannot be asked. A store in memory always can.
///
/// A refusal that follows from it is a `503`, or `UNAVAILABLE`, with [`Reason::Store`]: the fault is
/// ours, and the caller may well have had enough.
///
/// [`Reason::Store`]: crate::Reason::Store
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Each instance holds callers to its share of the quota, from where their buckets last stood.
    /// The default. A store that knows no shares refuses.
    #[default]
    Share,
    /// It passes: for limits that only keep things fair.
    Allow,
    /// It is refused: for limits that protect, as of logins and payments.
    Deny,
}

/// Where the cost of a request becomes known after it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settle {
    /// The bytes of the answer's body.
    Bytes,
    /// Whatever the handler says through the [`Usage`](crate::Usage) in the request's extensions.
    Usage,
}

impl Policy {
    /// A quota, which all requests share unless there is a [`key`](Self::key).
    ///
    /// The name goes into fields, problems and events: 1 to 64 of `A-Z a-z 0-9 . _ ~ -`.
    pub fn new(name: impl Into<Cow<'static, str>>, quota: Quota) -> Self {
        Self::of(name.into(), Limit::Rate(quota))
    }

    /// A number of requests at a time: each holds a permit until its answer's body has ended.
    ///
    /// Permits are counted in memory, for this process. The answer that upgrades a connection, to a
    /// WebSocket say, has no body: what follows it holds no permit.
    pub fn concurrent(name: impl Into<Cow<'static, str>>, permits: u32) -> Self {
        Self::of(name.into(), Limit::Concurrent(permits))
    }

    fn of(name: Cow<'static, str>, limit: Limit) -> Self {
        Self {
            name,
            limit,
            key: Arc::new(key::global()),
            conditions: Vec::new(),
            cost: None,
            missing: Missing::default(),
            shadow: false,
            plans: None,
            counts: None,
            settle: None,
            debt: 0,
            penalty: None,
            on_store_error: OnStoreError::default(),
            #[cfg(feature = "delay")]
            delay: None,
        }
    }

    /// Whose bucket a request takes from. Default: one for all, [`key::global`].
    pub fn key(mut self, key: impl Key) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// Applies to these requests alone: a route, a method, a protocol. Of several conditions all
    /// have to hold. Default: to all.
    pub fn when(mut self, applies: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Arc::new(applies));
        self
    }

    /// Applies to these methods alone. Default: to all.
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        let methods: Vec<Method> = methods.into_iter().collect();
        self.when(move |head| methods.contains(head.method()))
    }

    /// How many units a request takes; none lets it pass while the bucket is not in debt, and more
    /// than the burst never passes. Default: one.
    pub fn cost(mut self, cost: impl Fn(&Head<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.cost = Some(Arc::new(cost));
        self
    }

    /// What becomes of a request without a key. Default: [`Missing::Share`].
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// Counts and tells of refusals, but refuses nobody. What depends on plans and answers, it counts
    /// as it would. Default: no.
    pub fn shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// Finds the quota of a request at run time: that of the caller's plan. Default: the policy's
    /// own.
    ///
    /// A closure that returns an `Option<Quota>` is one; none of a quota is the policy's own.
    pub fn plans(mut self, plans: impl Plans) -> Self {
        self.plans = Some(Arc::new(plans));
        self
    }

    /// Counts only answers like these. Default: every request.
    ///
    /// The units are taken when the request comes and put back when its answer does not count, so
    /// that no number of requests at once gets past the quota. A request whose answer never came
    /// counts: else whoever leaves early would pay nothing. So does one about which this panics.
    pub fn counts(mut self, counts: impl Fn(&Answer) -> bool + Send + Sync + 'static) -> Self {
        self.counts = Some(Arc::new(counts));
        self
    }

    /// Takes the [`cost`](Self::cost) as a reservation, and the true one when the answer has ended:
    /// the difference is put back or charged. Default: the cost is the price.
    ///
    /// Whoever leaves pays for the bytes that passed, or what the handler has told by then; if it has
    /// told nothing yet, the reservation.
    pub fn settle(mut self, by: Settle) -> Self {
        self.settle = Some(by);
        self
    }

    /// How far below empty a settlement may charge a bucket. Default: not at all, so that what an
    /// answer costs beyond the rest of its bucket is forgiven.
    pub fn debt(mut self, units: u64) -> Self {
        self.debt = units;
        self
    }

    /// Makes whoever goes on in spite of refusals wait longer. Default: nobody.
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = Some(penalty);
        self
    }

    /// What becomes of a request while the store cannot be asked. Default: [`OnStoreError::Share`].
    pub fn on_store_error(mut self, choice: OnStoreError) -> Self {
        self.on_store_error = choice;
        self
    }

    /// Lets a request wait for its units instead of refusing it, first in first out for each key, if
    /// its turn comes within `longest`. Default: nobody waits.
    ///
    /// Whoever leaves gives its place up, and those behind move on. It wants tokio's timer.
    #[cfg(feature = "delay")]
    pub fn delay(mut self, longest: std::time::Duration) -> Self {
        self.delay = Some(longest);
        self
    }

    #[cfg(feature = "delay")]
    pub(crate) const fn may_delay(&self) -> bool {
        self.delay.is_some()
    }

    #[cfg(not(feature = "delay"))]
    pub(crate) const fn may_delay(&self) -> bool {
        false
    }

    pub(crate) fn check(&self) -> Result<(), ConfigErrorKind> {
        let name =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
        if !matches!(self.name.len(), 1..=64) || !self.name.bytes().all(name) {
            return Err(ConfigErrorKind::Name);
        }
        match self.limit {
            Limit::Rate(quota) => quota.check().map_err(ConfigErrorKind::Quota)?,
            Limit::Concurrent(0) => return Err(ConfigErrorKind::NoPermits),
            Limit::Concurrent(_) if self.shadow || self.is_about_units() => {
                return Err(ConfigErrorKind::PermitsOnly);
            }
            Limit::Concurrent(_) => {}
        }
        self.penalty.as_ref().map_or(Ok(()), Penalty::check)?;
        self.key.check()
    }

    fn is_about_units(&self) -> bool {
        self.cost.is_some()
            || self.plans.is_some()
            || self.counts.is_some()
            || self.settle.is_some()
            || self.debt > 0
            || self.may_delay()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("missing", &self.missing)
            .field("shadow", &self.shadow)
            .finish_non_exhaustive()
    }
}
