use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, Request, Response};
use tokio::time::{Sleep, sleep};
use tower::retry::{
    Policy,
    budget::{Budget, TpsBudget},
};
use tower_ready_core::{Deadline, Instant, LocalRejection, Outcome, Protocol, Verdict, grpc::Code};

use crate::{Backoff, hint::hint};

/// When to make another attempt: a policy for `tower::retry` around a breaker.
///
/// Another attempt is worth making when the first failed by chance. It is not when a circuit is
/// open: that would be asking again what has just been answered. Nor when every call fails: then
/// retries are what keeps the peer down. So what a layer of ours rejected is never tried again, and
/// all clones of a policy share a budget, of a fifth of the calls unless told otherwise.
///
/// A failure is what a breaker takes for one, up to the head of the answer. A peer that names a time
/// in `Retry-After` or `grpc-retry-pushback-ms` is given that time, if it is no longer than
/// [`max_wait`](Self::max_wait); a pushback below zero forbids another attempt (gRPC proposal A6).
/// One whose wait would outlast the [`Deadline`] of the request is not made.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::ServiceBuilder;
/// use tower_ready_breaker::{Breaker, RetryPolicy, by_authority};
///
/// let breaker = Breaker::builder("upstream").build_keyed(by_authority)?;
/// let client = ServiceBuilder::new()
///     .retry(RetryPolicy::new(2))
///     .layer(breaker.layer())
///     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
/// # Ok::<(), tower_ready_breaker::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until it is given to a retry layer"]
pub struct RetryPolicy {
    left: u32,
    backoff: Backoff,
    max_wait: Duration,
    any_method: bool,
    budget: Arc<dyn Budget + Send + Sync>,
}

impl RetryPolicy {
    /// Makes so many attempts beyond the first, 50 ms apart, then 100 ms, and so on up to a second,
    /// with jitter.
    pub fn new(retries: u32) -> Self {
        Self {
            left: retries,
            backoff: Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1)),
            max_wait: Duration::from_secs(5),
            any_method: false,
            budget: Arc::new(TpsBudget::default()),
        }
    }

    /// How long to wait before each attempt. Default: 50 ms, doubling up to a second, with jitter.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The longest `Retry-After` or pushback that is waited for: a peer that wants more gets no
    /// other attempt. Default: 5 s.
    pub fn max_wait(mut self, longest: Duration) -> Self {
        self.max_wait = longest;
        self
    }

    /// Whether requests that may not be made twice by their method are tried again too. Default: no,
    /// only those of which RFC 9110 §9.2.2 says that a second does nothing more than the first, and
    /// calls of gRPC that ended as `UNAVAILABLE`.
    pub fn any_method(mut self, any: bool) -> Self {
        self.any_method = any;
        self
    }

    /// What retries may cost, together. Default: tower's own, which lets a fifth of the calls be
    /// tried again, and ten a second in any case.
    pub fn budget(mut self, budget: impl Budget + Send + Sync + 'static) -> Self {
        self.budget = Arc::new(budget);
        self
    }

    /// How long to wait before another attempt, if one may be made.
    fn wait<Q>(&mut self, request: &Request<Q>, told: Told) -> Option<Duration> {
        let asked = match told {
            Told::Well => {
                self.budget.deposit();
                return None;
            }
            Told::Final => return None,
            Told::Failed { asked, unavailable } => {
                let is_grpc = unavailable && Protocol::of(request).is_grpc();
                if !(self.any_method || is_grpc || request.method().is_idempotent()) {
                    return None;
                }
                asked
            }
        };
        let left = self.left.checked_sub(1)?;
        if asked.is_some_and(|asked| asked > self.max_wait) {
            return None;
        }
        let wait = self.backoff.next().unwrap_or_default().max(asked.unwrap_or_default());
        let deadline = Deadline::of(request.extensions());
        if deadline.is_some_and(|deadline| deadline.remaining(Instant::now()) <= wait) {
            return None;
        }
        if !self.budget.withdraw() {
            return None;
        }
        self.left = left;
        Some(wait)
    }
}

/// What an attempt says of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// There is no need of one.
    Well,
    /// It would end as the last did.
    Final,
    /// It may help, perhaps after this time.
    Failed { asked: Option<Duration>, unavailable: bool },
}

const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

impl Told {
    fn by<B, E>(result: &Result<Response<B>, E>) -> Self {
        let Ok(response) = result else {
            return Self::Failed { asked: None, unavailable: true };
        };
        if response.extensions().get::<LocalRejection>().is_some() {
            return Self::Final;
        }
        match Verdict::of_head(response) {
            Verdict::Known(Outcome::Failure | Outcome::RateLimited(_)) => {
                Self::of_failure(response.headers())
            }
            Verdict::Known(Outcome::Ignored) => Self::Final,
            Verdict::Known(Outcome::Success) | Verdict::AtEnd(_) => Self::Well,
        }
    }

    fn of_failure(headers: &HeaderMap) -> Self {
        let asked = hint(headers);
        if asked.is_none() && headers.contains_key(PUSHBACK) {
            // Below zero, or nothing that could be read: proposal A6 takes both for a no.
            return Self::Final;
        }
        let unavailable = Code::among(headers) == Some(Code::Unavailable);
        Self::Failed { asked, unavailable }
    }
}

impl<Q: Clone, B, E> Policy<Request<Q>, Response<B>, E> for RetryPolicy {
    type Future = RetryWait;

    fn retry(
        &mut self,
        request: &mut Request<Q>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<RetryWait> {
        let wait = self.wait(request, Told::by(result))?;
        Some(RetryWait(Box::pin(sleep(wait))))
    }

    fn clone_request(&mut self, request: &Request<Q>) -> Option<Request<Q>> {
        (self.left > 0).then(|| request.clone())
    }
}

/// The time before another attempt of a [`RetryPolicy`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RetryWait(Pin<Box<Sleep>>);

impl Future for RetryWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("left", &self.left)
            .field("backoff", &self.backoff)
            .field("max_wait", &self.max_wait)
            .finish_non_exhaustive()
    }
}
