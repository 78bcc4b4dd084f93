use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_ready_core::Head;
use tower_service::Service;

use crate::{Bulkhead, ShedBody, ShedFuture, admission::Decision, layer::Condition, permit::Slot};

/// A service that does not take more than it can.
///
/// It is ready when the inner service is, and looks for a slot in `call`. It needs a clone of the
/// inner service to keep the one that is ready for a request that waits, and to give up the
/// readiness of one that is not called.
#[derive(Clone)]
pub struct ShedService<S> {
    inner: S,
    bulkhead: Bulkhead,
    condition: Option<Condition>,
}

impl<S> ShedService<S> {
    pub(crate) const fn new(inner: S, bulkhead: Bulkhead, condition: Option<Condition>) -> Self {
        Self { inner, bulkhead, condition }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to be changed.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service alone.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, Q, B> Service<Request<Q>> for ShedService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    S::Error: 'static,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Response = Response<ShedBody<B>>;
    type Error = S::Error;
    type Future = ShedFuture<S, Q>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let head = Head::of(&request);
        let passes_by = self.condition.as_ref().is_some_and(|holds| !holds(&head));
        let decision = if passes_by { Decision::Exempt } else { self.bulkhead.0.decide(&head) };
        match decision {
            Decision::Admitted(permit) => {
                ShedFuture::call(&mut self.inner, request, Slot::of(permit))
            }
            Decision::Exempt => ShedFuture::call(&mut self.inner, request, Slot::none()),
            Decision::Waits(wait) => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ShedFuture::wait(self.bulkhead.clone(), ready, request, wait)
            }
            Decision::Refused(refusal) => {
                // Readiness may be a permit, which nobody is to hold for a call that is not made.
                self.inner = self.inner.clone();
                ShedFuture::answer(self.bulkhead.0.refuse(&request, refusal))
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for ShedService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedService")
            .field("inner", &self.inner)
            .field("bulkhead", &self.bulkhead)
            .finish_non_exhaustive()
    }
}
