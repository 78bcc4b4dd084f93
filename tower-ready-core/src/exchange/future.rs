use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version, header::CONTENT_LENGTH};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    End, Guard, GuardedBody,
    guard::{Armed, Calling},
};
use crate::{called, lookup};

pin_project! {
    /// A future whose exchange is watched to its end, or a layer's own answer in its place.
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardedFuture<F, G>
    where
        G: Guard,
    {
        #[pin]
        kind: Kind<F, G>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, G>
    where
        G: Guard,
    {
        Call {
            #[pin]
            future: F,
            guard: Armed<G>,
            head_only: bool,
            // Whether the host may stop reading where the promised length ends.
            counts: bool,
        },
        Answer { response: Option<Response<Bytes>> },
    }
}

impl<F, G: Guard> GuardedFuture<F, G> {
    /// Watches the answer to a request with this method.
    ///
    /// The method matters because a host drops the body of an answer to `HEAD` without a look at
    /// it, and that is no exchange cut short.
    #[inline]
    pub fn new(method: &Method, future: F, guard: G) -> Self {
        let head_only = method == Method::HEAD;
        Self { kind: Kind::Call { future, guard: Armed::new(guard), head_only, counts: true } }
    }

    /// Calls the service, and watches it from then on: a panic in `call` is an end too.
    #[inline(never)]
    pub fn call<S, Q>(service: &mut S, request: Request<Q>, guard: G) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let mut calling = Calling(Armed::new(guard));
        Self::place(service, request, &mut calling.0)
    }

    /// Puts the future of the service where it is to lie.
    // Apart, since a call that leaves nothing to be dropped if it panics writes what it returns
    // into its place. Else it would be moved there, and it holds the futures of all services inside.
    #[inline(never)]
    fn place<S, Q>(service: &mut S, request: Request<Q>, guard: &mut Armed<G>) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { kind: Kind::place(service, request, guard) }
    }

    /// Answers at once, and calls nobody.
    #[inline]
    pub const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<F, G: Guard> Kind<F, G> {
    // Apart once more: an enum that is itself a field would be put together elsewhere, and then moved.
    #[inline(never)]
    fn place<S, Q>(service: &mut S, request: Request<Q>, guard: &mut Armed<G>) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let head_only = request.method() == Method::HEAD;
        // Since HTTP/2 a body ends with its stream, whatever was promised, and is read to its end.
        let counts = request.version() < Version::HTTP_2;
        let future = called(service, request);
        Self::Call { future, guard: guard.take(), head_only, counts }
    }
}

impl<F, G, B, E> Future for GuardedFuture<F, G>
where
    F: Future<Output = Result<Response<B>, E>>,
    G: Guard,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<GuardedBody<B, G>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, guard, head_only, counts) = match self.project().kind.project() {
            KindProj::Call { future, guard, head_only, counts } => {
                (future, guard, *head_only, *counts)
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`GuardedFuture` polled after completion");
                return Poll::Ready(Ok(response.map(GuardedBody::full)));
            }
        };
        let mut polled = guard.poll(|| future.poll(cx));
        // The answer is looked at where it is and moved once: it is some two hundred bytes.
        match &mut polled {
            Poll::Pending => {
                if let Some(guard) = guard.as_mut() {
                    guard.pending();
                }
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => guard.end(End::Error(error)),
            Poll::Ready(Ok(response)) => {
                if let Some(guard) = guard.as_mut() {
                    guard.head(response);
                }
                if head_only || has_no_body(response.status()) || response.body().is_end_stream() {
                    guard.end(End::Complete);
                } else if counts && let Some(promised) = promised(response) {
                    guard.left = promised;
                }
            }
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(response)) => {
                Poll::Ready(Ok(response.map(|body| GuardedBody::watched(body, guard.take()))))
            }
        }
    }
}

/// What the head promises of a body which does not know its length itself.
#[inline]
fn promised<B: Body>(response: &Response<B>) -> Option<u64> {
    match response.body().size_hint().exact() {
        Some(_) => None,
        None => lookup(response.headers(), &CONTENT_LENGTH)?.to_str().ok()?.parse().ok(),
    }
}

/// RFC 9110 §6.4.1: these answers end with their head.
#[inline]
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

impl<F, G: Guard> fmt::Debug for GuardedFuture<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Call { .. } => "GuardedFuture::Call(..)",
            Kind::Answer { .. } => "GuardedFuture::Answer(..)",
        })
    }
}
