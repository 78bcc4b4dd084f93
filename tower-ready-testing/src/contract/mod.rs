//! What every layer owes to whoever stacks it, as one line in a test.
//!
//! Tower's contract is in prose: call the instance that was ready, wake the task that polled last,
//! free what a dropped future held, forward a body's trailers and its length. A layer that breaks it
//! works in every demonstration and fails under load, on a hang-up or in front of gRPC. So the rules
//! are checked here, against a service that notices:
//!
//! ```
//! use tower_layer::Identity;
//! use tower_ready_testing::contract;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! contract::check(Identity::new).await;
//! # }
//! ```
//!
//! Each rule gets a fresh layer, so one that counts or trips need not survive the others; it should
//! admit eight calls at once. What a layer needs in order to let a call pass, and what it does on
//! purpose, is said through [`Contract`]. A layer that also turns calls away owes more:
//! [`Contract::check_rejection`].
//!
//! The types are checked by compiling: service, future and body are `Send + 'static` over an inner
//! service that is, the service is `Clone + Sync` as axum wants it, and with [`bounds::check`] nothing
//! more than they need is asked of an inner service, its errors and its bodies.

use std::{fmt, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use http::request::Parts;
use tower_layer::Layer;

mod bodies;
mod body;
pub mod bounds;
mod calls;
mod case;
mod control;
mod failure;
mod inner;
mod readiness;
mod rejection;
mod task;

pub use self::{
    body::ScriptedBody,
    case::Subject,
    failure::{Failure, InnerError},
    inner::{Inner, InnerFuture},
};

use self::case::Case;
use crate::patience::within;

/// Checks a layer that lets a plain `GET /` pass and passes errors on.
///
/// # Panics
///
/// When it breaks a rule; the message lists every rule that it breaks.
pub async fn check<L>(make: impl Fn() -> L)
where
    L: Layer<Inner>,
    L::Service: Subject,
{
    Contract::new().check(make).await;
}

/// What a layer needs and does on purpose, for those that [`check`] does not fit.
#[must_use = "nothing is checked yet"]
pub struct Contract {
    prepare: Box<dyn Fn(&mut Parts) + Send + Sync>,
    answers_errors: bool,
    always_ready: bool,
}

/// A rule that a layer broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What the layer did instead.
    pub found: String,
}

// === impl Contract ===

impl Contract {
    /// The contract in its strictest form.
    pub fn new() -> Self {
        Self { prepare: Box::new(|_| {}), answers_errors: false, always_ready: false }
    }

    /// Makes each request one that the layer lets pass, or for
    /// [`check_rejection`](Self::check_rejection) one that it turns away. Default: `GET /`.
    pub fn request(mut self, prepare: impl Fn(&mut Parts) + Send + Sync + 'static) -> Self {
        self.prepare = Box::new(prepare);
        self
    }

    /// The layer turns errors of the inner service into answers, those of `poll_ready` included.
    /// Default: it passes them on untouched.
    pub const fn answers_errors(mut self) -> Self {
        self.answers_errors = true;
        self
    }

    /// The layer is ready even when the inner service is not, and waits or answers in the call.
    /// Default: it passes the inner readiness on.
    pub const fn always_ready(mut self) -> Self {
        self.always_ready = true;
        self
    }

    /// Checks the layers that `make` makes.
    ///
    /// # Panics
    ///
    /// When they break a rule; the message lists every rule that they break.
    pub async fn check<L>(&self, make: impl Fn() -> L)
    where
        L: Layer<Inner>,
        L::Service: Subject,
    {
        assert_none(&self.violations(make).await);
    }

    /// Checks what a layer does with a request that it turns away: it answers instead of failing,
    /// leaves the inner service alone and gives its readiness back.
    ///
    /// # Panics
    ///
    /// When it breaks a rule; the message lists every rule that it breaks.
    pub async fn check_rejection<L>(&self, make: impl Fn() -> L)
    where
        L: Layer<Inner>,
        L::Service: Subject,
    {
        assert_none(&self.rejection_violations(make).await);
    }

    /// The rules of [`check`](Self::check) that the layer breaks.
    pub async fn violations<L>(&self, make: impl Fn() -> L) -> Vec<Violation>
    where
        L: Layer<Inner>,
        L::Service: Subject,
    {
        let make = |inner| make().layer(inner);
        let case = Case::new(&make, self);
        let mut found = Findings::default();
        readiness::check(&case, &mut found).await;
        calls::check(&case, &mut found).await;
        bodies::check(&case, &mut found).await;
        found.0
    }

    /// The rules of [`check_rejection`](Self::check_rejection) that the layer breaks.
    pub async fn rejection_violations<L>(&self, make: impl Fn() -> L) -> Vec<Violation>
    where
        L: Layer<Inner>,
        L::Service: Subject,
    {
        let make = |inner| make().layer(inner);
        let case = Case::new(&make, self);
        let mut found = Findings::default();
        rejection::check(&case, &mut found).await;
        found.0
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("answers_errors", &self.answers_errors)
            .field("always_ready", &self.always_ready)
            .finish_non_exhaustive()
    }
}

#[track_caller]
fn assert_none(violations: &[Violation]) {
    assert!(
        violations.is_empty(),
        "the layer breaks {} of the rules:\n{}",
        violations.len(),
        violations.iter().map(|it| format!("- {}: {}\n", it.rule, it.found)).collect::<String>(),
    );
}

/// What the rules found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

/// What a rule found, if it found anything.
type Verdict = Result<(), String>;

// === impl Findings ===

impl Findings {
    /// Notes what `check` found. A panic of the layer is a finding too, and so is a hang.
    async fn rule(&mut self, rule: &'static str, check: impl Future<Output = Verdict>) {
        let check = AssertUnwindSafe(within(rule, check));
        let found = match check.catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(found)) => found,
            Err(panic) => format!("panicked: {}", panic_text(&*panic)),
        };
        self.0.push(Violation { rule, found });
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("with no text")
}

/// Returns the text as a finding unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($found:tt)+) => {
        if !$condition {
            return Err(format!($($found)+));
        }
    };
}
use ensure;
