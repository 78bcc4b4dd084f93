//! The policy of a server, which is the handle too.

use std::{fmt, sync::Arc, time::Duration};

use tower_ready_core::{Deadline, Head, Instant};

use crate::{
    DeadlineLayer, DeadlinesBuilder, Event, Stats, UploadLayer, header::Asked, stats::Ledger,
    watch::Limit,
};

/// How long requests to a server may take.
///
/// Clones share everything, and so do all layers made from one policy. Keep a clone to read its
/// [`stats`](Self::stats).
///
/// ```
/// use std::time::Duration;
///
/// use tower_ready_deadline::Deadlines;
///
/// let deadlines = Deadlines::builder()
///     .timeout(Duration::from_secs(5))
///     .cap(Duration::from_secs(30))
///     .timeout_for(|head| (head.uri().path() == "/report").then_some(Duration::from_secs(60)))
///     .exempt(|head| head.uri().path() == "/events")
///     .build()?;
/// let layer = deadlines.layer();
/// assert_eq!(deadlines.stats().expired, 0);
/// # Ok::<(), tower_ready_deadline::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Deadlines(pub(crate) Arc<Inner>);

pub(crate) type Predicate = Box<dyn Fn(&Head<'_>) -> bool + Send + Sync>;
pub(crate) type Choice = Box<dyn Fn(&Head<'_>) -> Option<Duration> + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) timeout: Duration,
    pub(crate) cap: Duration,
    pub(crate) floor: Duration,
    pub(crate) margin: Duration,
    pub(crate) timeout_for: Option<Choice>,
    pub(crate) exempt: Vec<Predicate>,
    pub(crate) upload_idle: Duration,
    pub(crate) is_extension: bool,
    pub(crate) is_task_local: bool,
    pub(crate) ledger: Arc<Ledger>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It has until then.
    Begin(Limit),
    /// Too little is left to begin.
    Spent,
}

impl Deadlines {
    /// Starts from the defaults: ten seconds, which callers may shorten.
    pub fn builder() -> DeadlinesBuilder {
        DeadlinesBuilder::new()
    }

    /// A layer that holds requests to these deadlines.
    pub fn layer(&self) -> DeadlineLayer {
        DeadlineLayer::new(self.clone())
    }

    /// A layer that ends requests whose bodies stall.
    pub fn uploads(&self) -> UploadLayer {
        UploadLayer::new(self.clone())
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.ledger.read()
    }
}

impl Inner {
    #[inline]
    pub(crate) fn decide(&self, head: &Head<'_>, asked: Asked) -> Decision {
        if let Some(header) = asked.junk {
            self.ledger.note(&Event::Junk { header });
        }
        // Half of it at most: whoever asks for little gets some of it.
        let time = asked.time.map(|time| time - self.margin.min(time / 2));
        let time = self.time(head, time);
        let outer = Deadline::of(head.extensions());
        // A deadline that came from outside runs already. Our own timeout need not run before
        // somebody waits, unless somebody wants to know.
        let is_asked = time.is_ok() || outer.is_some();
        if !is_asked && !self.is_extension && !self.is_task_local {
            return Decision::Begin(
                time.map_or_else(|own| own.map_or(Limit::Never, Limit::In), Limit::In),
            );
        }
        let now = Instant::now();
        let own = match time {
            Ok(time) => Some(time),
            Err(own) => own,
        };
        let own = own.map(|time| Deadline::at(now + time));
        let Some(deadline) = own.into_iter().chain(outer).min() else {
            return Decision::Begin(Limit::Never);
        };
        if is_asked && deadline.remaining(now) <= self.floor {
            return Decision::Spent;
        }
        Decision::Begin(Limit::At(deadline))
    }

    /// How long this request may take: what its caller asked for, within the cap, or else our own.
    #[inline]
    fn time(&self, head: &Head<'_>, asked: Option<Duration>) -> Result<Duration, Option<Duration>> {
        if self.exempt.iter().any(|exempt| exempt(head)) {
            return asked.ok_or(None);
        }
        let route = self.timeout_for.as_ref().and_then(|choose| choose(head));
        match asked {
            Some(asked) => Ok(asked.min(route.unwrap_or(self.cap))),
            None => Err(Some(route.unwrap_or(self.timeout))),
        }
    }
}

impl fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines")
            .field("timeout", &self.0.timeout)
            .field("cap", &self.0.cap)
            .field("floor", &self.0.floor)
            .field("bodies", &self.0.ledger.bodies)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::header::asked;

    fn decide(deadlines: &Deadlines, request: &Request<()>) -> Decision {
        deadlines.0.decide(&Head::of(request), asked(request.headers()))
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn policy() -> DeadlinesBuilder {
        Deadlines::builder()
            .margin(Duration::ZERO)
            .timeout(seconds(10))
            .cap(seconds(20))
            .timeout_for(|head| (head.uri().path() == "/report").then_some(seconds(60)))
            .exempt(|head| head.uri().path() == "/events")
    }

    fn request(path: &str, asked: Option<&str>) -> Request<()> {
        let request = Request::get(path);
        match asked {
            Some(asked) => request.header("x-request-timeout-ms", asked),
            None => request,
        }
        .body(())
        .unwrap()
    }

    /// How many milliseconds a request gets, with the clock stopped.
    fn given(request: &Request<()>) -> Option<Duration> {
        match decide(&policy().build().unwrap(), request) {
            Decision::Begin(Limit::At(deadline)) => Some(deadline.remaining(Instant::now())),
            Decision::Begin(Limit::Never) => None,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_of_header_cap_and_default_counts() {
        for (path, asked, expected) in [
            ("/", None, Some(seconds(10))),
            ("/", Some("3000"), Some(seconds(3))),
            ("/", Some("15000"), Some(seconds(15))),
            ("/", Some("9999999999"), Some(seconds(20))),
            ("/", Some("-1"), Some(seconds(10))),
            ("/", Some("99999999999"), Some(seconds(10))),
            ("/report", None, Some(seconds(60))),
            ("/report", Some("90000"), Some(seconds(60))),
            ("/report", Some("3000"), Some(seconds(3))),
            ("/events", None, None),
            ("/events", Some("90000"), Some(seconds(90))),
        ] {
            assert_eq!(given(&request(path, asked)), expected, "{path} {asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_from_outside_is_never_lengthened() {
        for (outer, asked, expected) in
            [(2, None, 2), (2, Some("3000"), 2), (5, Some("3000"), 3), (60, None, 10)]
        {
            let mut request = request("/", asked);
            let outer = Deadline::at(Instant::now() + seconds(outer));
            request.extensions_mut().insert(outer);
            assert_eq!(given(&request), Some(seconds(expected)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_spent_or_under_the_floor_is_not_begun() {
        let deadlines = policy().floor(seconds(1)).build().unwrap();
        for asked in ["0", "1", "1000"] {
            let decision = decide(&deadlines, &request("/", Some(asked)));
            assert_eq!(decision, Decision::Spent, "{asked}");
        }
        let decision = decide(&deadlines, &request("/", Some("1001")));
        assert!(matches!(decision, Decision::Begin(Limit::At(_))));
        let mut late = request("/", None);
        late.extensions_mut().insert(Deadline::at(Instant::now()));
        assert_eq!(decide(&deadlines, &late), Decision::Spent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_answered_before_it_gives_up_itself() {
        let deadlines = policy().margin(seconds(1)).build().unwrap();
        for (asked, expected) in [("5000", 4_000), ("1000", 500), ("20000", 19_000)] {
            let decision = decide(&deadlines, &request("/", Some(asked)));
            let deadline = Deadline::at(Instant::now() + Duration::from_millis(expected));
            assert_eq!(decision, Decision::Begin(Limit::At(deadline)), "{asked}");
        }
    }

    #[test]
    fn nobody_looks_at_the_clock_when_nobody_wants_to_know() {
        let deadlines = policy().extension(false).build().unwrap();
        let decision = decide(&deadlines, &request("/", None));
        assert_eq!(decision, Decision::Begin(Limit::In(seconds(10))));
    }
}
