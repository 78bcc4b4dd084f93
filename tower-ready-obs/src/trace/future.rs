use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
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
    // Inlined for certain, since a request is some two hundred bytes, which every call would move.
    #[inline(always)]
    pub(super) fn call<S, Q>(
        service: &mut S,
        request: Request<Q>,
        mut scope: Scope,
        watched: Option<Box<Watched>>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let entered = scope.enter();
        match watched {
            None => {
                let inner = Inner::Bare { future: service.call(request) };
                drop(entered);
                Self { inner, scope }
            }
            Some(watched) => {
                let future = GuardedFuture::call(service, request, watched);
                drop(entered);
                Self { inner: Inner::Watched { future }, scope }
            }
        }
    }
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
        // The two are spelled out, since an answer is large too: it is moved once.
        match this.inner.as_mut().project() {
            InnerProjection::Bare { future } => {
                let answer = ready!(future.poll(cx));
                this.inner.set(Inner::Over);
                drop(entered);
                let bare = |response: Response<B>| response.map(|body| body::Inner::Bare { body });
                Poll::Ready(answer.map(|response| wrap(bare(response), this.scope)))
            }
            InnerProjection::Watched { future } => {
                let answer = ready!(future.poll(cx));
                this.inner.set(Inner::Over);
                drop(entered);
                let watched =
                    |response: Response<_>| response.map(|body| body::Inner::Watched { body });
                Poll::Ready(answer.map(|response| wrap(watched(response), this.scope)))
            }
            InnerProjection::Over => panic!("`TraceFuture` polled after completion"),
        }
    }
}

/// Tells the caller the id of its request, and takes the scope along for as long as the body lasts.
#[inline(always)]
fn wrap<B>(response: Response<body::Inner<B>>, scope: &mut Scope) -> Response<TraceBody<B>>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    let mut response = response.map(TraceBody::new);
    if let Some(id) = scope.request_id() {
        response.headers_mut().insert(RequestId::HEADER, id.clone());
    }
    response.body_mut().work_in(scope);
    response
}

impl<F> fmt::Debug for TraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = matches!(self.inner, Inner::Over);
        f.debug_struct("TraceFuture").field("over", &is_over).finish_non_exhaustive()
    }
}
