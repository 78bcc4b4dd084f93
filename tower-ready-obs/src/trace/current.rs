//! The request that is being handled here.

use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::tracing::{Span, span};
use http::{HeaderMap, HeaderValue};
use pin_project_lite::pin_project;
use tower_ready_core::RequestId;

use super::inbound::BAGGAGE;
use crate::TraceContext;

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// The ids of the request that is being handled: what calls on its behalf tell the next hop.
///
/// Clones are cheap, and hold nothing else of the request.
#[derive(Clone)]
pub struct Current(Arc<Ids>);

pub(super) struct Ids {
    pub(super) context: TraceContext,
    pub(super) request_id: Option<HeaderValue>,
    pub(super) baggage: Option<HeaderValue>,
}

/// The request inside of whose handling this is called, bodies included.
///
/// It belongs to the task: what is spawned starts without one, and takes it along with
/// [`Current::run`].
#[must_use]
pub fn current() -> Option<Current> {
    let clone = |cell: &Cell<Option<Current>>| {
        let current = cell.take();
        let clone = current.clone();
        cell.set(current);
        clone
    };
    // There is none while a thread ends.
    CURRENT.try_with(clone).ok().flatten()
}

impl Current {
    pub(super) fn new(ids: Ids) -> Self {
        Self(Arc::new(ids))
    }

    /// The place of this request in its trace.
    #[must_use]
    pub fn context(&self) -> &TraceContext {
        &self.0.context
    }

    /// The id of the request, unless the layer was told to leave request ids alone.
    #[must_use]
    pub fn request_id(&self) -> Option<RequestId> {
        self.0.request_id.as_ref().and_then(RequestId::from_value)
    }

    pub(super) fn ids(&self) -> &Ids {
        &self.0
    }

    /// Writes the ids into the headers of a call on behalf of this request, as
    /// [`ClientTracing`](crate::ClientTracing) does by itself.
    pub fn inject(&self, headers: &mut HeaderMap) {
        self.0.context.inject(headers);
        if let Some(id) = &self.0.request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        if let Some(baggage) = &self.0.baggage {
            headers.insert(BAGGAGE, baggage.clone());
        }
    }

    /// Makes this the current request of a future, such as one that is spawned.
    ///
    /// ```
    /// # async fn handler() {
    /// if let Some(current) = tower_ready_obs::current() {
    ///     tokio::spawn(current.run(async { /* calls tell the next hop who asked */ }));
    /// }
    /// # }
    /// ```
    pub fn run<F: Future>(self, future: F) -> Run<F> {
        Run { future, scope: Scope::new(Some(self), Some(Span::current())) }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("context", self.context())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A future with a current request, and the span that was current when it was made.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F> {
        #[pin]
        future: F,
        scope: Scope,
    }
}

impl<F: Future> Future for Run<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.scope.enter();
        this.future.poll(cx)
    }
}

/// What is current while a request is worked on: the request, and its span.
#[derive(Debug, Default)]
pub(super) struct Scope {
    current: Option<Current>,
    span: Option<Span>,
}

/// Puts back what was current before, when it is dropped.
pub(super) struct Entered<'a> {
    own: &'a mut Option<Current>,
    outer: Option<Current>,
    is_set: bool,
    _span: Option<span::Entered<'a>>,
}

impl Scope {
    pub(super) const fn new(current: Option<Current>, span: Option<Span>) -> Self {
        Self { current, span }
    }

    /// The current request moves in and out: nothing is counted.
    #[inline]
    pub(super) fn enter(&mut self) -> Entered<'_> {
        let (own, mut outer) = (&mut self.current, None);
        let is_set = own.is_some();
        if is_set {
            outer = CURRENT.try_with(|cell| cell.replace(own.take())).ok().flatten();
        }
        Entered { own, outer, is_set, _span: self.span.as_ref().map(Span::enter) }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_set {
            let outer = self.outer.take();
            *self.own = CURRENT.try_with(|cell| cell.replace(outer)).ok().flatten();
        }
    }
}
