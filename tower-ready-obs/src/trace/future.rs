use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{GuardedFuture, RequestId};
use tower_service::Service;

use super::{TraceBody, body, exchange::Watched, scope::Scope};

pin_project! {
    /// The future of a [`TraceService`](crate::TraceService) or a
    /// [`ClientTraceService`](crate::ClientTraceService).
    ///
    /// The inner future is polled and dropped inside of the span, so that what it logs when it is given
    /// up shows the ids as well.
    #[must_use = "futures do nothing unless polled"]
    pub struct TraceFuture<F> {
        #[pin]
        inner: Inner<F>,
        scope: Scope,
    }

    impl<F> PinnedDrop for TraceFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !matches!(*this.inner, Inner::Over) {
                let _entered = this.scope.enter();
                this.inner.set(Inner::Over);
            }
        }
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<F> {
        /// Nobody wants to know how it ends.
        Bare { #[pin] future: F },
        Watched { #[pin] future: GuardedFuture<F, Box<Watched>> },
        Over,
    }
}

impl<F> TraceFuture<F> {
    /// Calls the inner service, inside of the span.
    #[inline]
    pub(super) fn call<S, Q>(
        service: &mut S,
        request: Request<Q>,
        mut scope: Scope,
        watched: Option<Box<Watched>>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        match watched {
            None => Self::bare(service, request, &mut scope),
            Some(watched) => Self::watched(service, request, &mut scope, watched),
        }
    }

    // Apart, as are those below, since a call that leaves nothing to be dropped if it panics writes
    // what it returns into its place. Else it would be moved there, with the futures of all services
    // inside.
    #[inline(never)]
    fn bare<S, Q>(service: &mut S, request: Request<Q>, scope: &mut Scope) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { inner: Inner::bare(service, request, scope), scope: mem::take(scope) }
    }

    #[inline(never)]
    fn watched<S, Q>(
        service: &mut S,
        request: Request<Q>,
        scope: &mut Scope,
        watched: Box<Watched>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { inner: Inner::watched(service, request, scope, watched), scope: mem::take(scope) }
    }
}

impl<F> Inner<F> {
    #[inline(never)]
    fn bare<S, Q>(service: &mut S, request: Request<Q>, scope: &mut Scope) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self::Bare { future: inside(scope, request, |request| service.call(request)) }
    }

    #[inline(never)]
    fn watched<S, Q>(
        service: &mut S,
        request: Request<Q>,
        scope: &mut Scope,
        watched: Box<Watched>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let call = |request| GuardedFuture::call(service, request, watched);
        Self::Watched { future: inside(scope, request, call) }
    }
}

/// Calls something inside of the scope.
#[inline(never)]
fn inside<Q, T>(scope: &mut Scope, request: Request<Q>, call: impl FnOnce(Request<Q>) -> T) -> T {
    let _entered = scope.enter();
    call(request)
}

impl<F, B, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: 'static,
    E: 'static,
{
    type Output = Result<Response<TraceBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let entered = this.scope.enter();
        // The two are spelled out, since an answer is large too: it is finished where it is, and moved
        // once.
        match this.inner.as_mut().project() {
            InnerProjection::Bare { future } => {
                let mut polled = future.poll(cx);
                if polled.is_pending() {
                    return Poll::Pending;
                }
                this.inner.set(Inner::Over);
                drop(entered);
                let scope = finish(&mut polled, this.scope);
                let wrap = |body| TraceBody::new(body::Inner::Bare { body }, scope);
                polled.map_ok(|response| response.map(wrap))
            }
            InnerProjection::Watched { future } => {
                let mut polled = future.poll(cx);
                if polled.is_pending() {
                    return Poll::Pending;
                }
                this.inner.set(Inner::Over);
                drop(entered);
                let scope = finish(&mut polled, this.scope);
                let wrap = |body| TraceBody::new(body::Inner::Watched { body }, scope);
                polled.map_ok(|response| response.map(wrap))
            }
            InnerProjection::Over => panic!("`TraceFuture` polled after completion"),
        }
    }
}

/// Tells the caller the id of its request. What is left is the scope that its body is read in: a body
/// that is over has nothing more to say in a span, which ends then.
#[inline(always)]
fn finish<B: Body, E>(polled: &mut Poll<Result<Response<B>, E>>, scope: &mut Scope) -> Scope {
    let scope = mem::take(scope);
    let Poll::Ready(Ok(response)) = polled else { return Scope::default() };
    if let Some(id) = scope.request_id() {
        response.headers_mut().insert(RequestId::HEADER, id.clone());
    }
    if response.body().is_end_stream() { Scope::default() } else { scope }
}

impl<F> fmt::Debug for TraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = matches!(self.inner, Inner::Over);
        f.debug_struct("TraceFuture").field("over", &is_over).finish_non_exhaustive()
    }
}
