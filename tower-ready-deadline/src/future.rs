use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::called;
use tower_service::Service;

use crate::{DeadlineBody, timer::Timer, watch::Watch};

pin_project! {
    /// The future of a call with a deadline, of a server or a client.
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F> {
        Calling {
            #[pin]
            future: F,
            // Not in a box: most calls wait, and no call that may go on is to allocate.
            #[pin]
            timer: Timer,
            watch: Option<Watch>,
        },
        Answer { response: Option<Response<Bytes>> },
    }
}

impl<F> DeadlineFuture<F> {
    /// Puts the future of the service where it is to lie.
    // Apart, since a call that leaves nothing to be dropped if it panics writes what it returns
    // into its place. Else it would be moved there, and it holds the futures of all services inside.
    #[inline(never)]
    pub(crate) fn place<S, Q>(
        service: &mut S,
        request: Request<Q>,
        watch: &mut Option<Watch>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { kind: Kind::place(service, request, watch) }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }
}

impl<F> Kind<F> {
    // Apart once more: an enum that is itself a field would be put together elsewhere, and then moved.
    #[inline(never)]
    fn place<S, Q>(service: &mut S, request: Request<Q>, watch: &mut Option<Watch>) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        let future = called(service, request);
        Self::Calling { future, timer: Timer::unset(), watch: watch.take() }
    }
}

impl<F, B, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<DeadlineBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut kind = self.project().kind;
        let expired = match kind.as_mut().project() {
            KindProj::Calling { future, mut timer, watch } => {
                let entered = watch.as_ref().and_then(Watch::enter);
                let mut polled = future.poll(cx);
                drop(entered);
                // The answer is looked at where it is and moved once.
                if let (Poll::Ready(Ok(answer)), Some(watch)) = (&mut polled, &*watch) {
                    watch.excuse(answer);
                }
                if polled.is_ready() {
                    return polled.map_ok(|answer| DeadlineBody::of(answer, watch));
                }
                // Only now does anybody have to wait.
                let Some(waiting) = watch else {
                    return Poll::Pending;
                };
                if !timer.is_set() {
                    let Some(left) = waiting.left() else {
                        return Poll::Pending;
                    };
                    timer.as_mut().set(left);
                }
                if timer.poll(cx).is_pending() {
                    return Poll::Pending;
                }
                watch.take()
            }
            KindProj::Answer { response } => {
                let response = response.take();
                #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                let response = response.expect("`DeadlineFuture` polled after completion");
                return Poll::Ready(Ok(response.map(DeadlineBody::full)));
            }
        };
        // The work ends before anybody is told that it has.
        kind.set(Kind::Answer { response: None });
        #[expect(clippy::expect_used, reason = "without one, nothing expires")]
        let response = expired.expect("it was watched").expired();
        Poll::Ready(Ok(response.map(DeadlineBody::full)))
    }
}

impl<F> fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Calling { .. } => "DeadlineFuture::Calling(..)",
            Kind::Answer { .. } => "DeadlineFuture::Answer(..)",
        })
    }
}
