//! The request that is being handled here.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::tracing::Span;
use http::{HeaderMap, HeaderValue};
use pin_project_lite::pin_project;
use tower_ready_core::RequestId;

use super::{inbound::BAGGAGE, scope::Scope};
use crate::TraceContext;

/// The ids of the request that is being handled: what calls on its behalf tell the next hop.
///
/// Clones are cheap, and hold nothing else of the request.
#[derive(Clone)]
pub struct Current {
    pub(super) context: TraceContext,
    pub(super) request_id: Option<HeaderValue>,
    pub(super) baggage: Option<Arc<HeaderValue>>,
}

impl Current {
    /// The place of this request in its trace.
    #[must_use]
    pub const fn context(&self) -> &TraceContext {
        &self.context
    }

    /// The id of the request, unless the layer was told to leave request ids alone.
    #[must_use]
    pub fn request_id(&self) -> Option<RequestId> {
        self.request_id.as_ref().and_then(RequestId::from_value)
    }

    /// Writes the ids into the headers of a call on behalf of this request, as
    /// [`ClientTracing`](crate::ClientTracing) does by itself.
    pub fn inject(&self, headers: &mut HeaderMap) {
        self.context.inject(headers);
        if let Some(id) = &self.request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        if let Some(baggage) = &self.baggage {
            headers.insert(BAGGAGE, HeaderValue::clone(baggage));
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
        Run { future: Some(future), scope: Scope::new(self.into(), Some(Span::current())) }
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
    /// A future with a current request, and the span that was current when it was made. It is dropped
    /// inside of both too.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Run<F> {
        #[pin]
        future: Option<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for Run<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.scope.enter();
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.scope.enter();
        // It is there until it is dropped.
        this.future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
    }
}
