use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_ready_core::Head;
use tower_ready_problem::Caller;
use tower_service::Service;

use crate::{
    DeadlineBody, DeadlineFuture, Deadlines,
    deadlines::Decision,
    header::asked,
    layer::Condition,
    watch::{Limit, Watch, spent},
};

/// A service whose requests have deadlines.
///
/// It is `Clone` over one that is, and asks for that to be able to give up the readiness of an
/// inner service that is not called.
#[derive(Clone)]
pub struct DeadlineService<S> {
    inner: S,
    deadlines: Deadlines,
    condition: Option<Condition>,
}

impl<S> DeadlineService<S> {
    pub(crate) const fn new(inner: S, deadlines: Deadlines, condition: Option<Condition>) -> Self {
        Self { inner, deadlines, condition }
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

impl<S, Q, B> Service<Request<Q>> for DeadlineService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    B: Body,
{
    type Response = Response<DeadlineBody<B>>;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let policy = &*self.deadlines.0;
        let head = Head::of(&request);
        if self.condition.as_ref().is_some_and(|holds| !holds(&head)) {
            return DeadlineFuture::place(&mut self.inner, request, &mut None);
        }
        let asked = asked(request.headers());
        let limit = match policy.decide(&head, asked) {
            Decision::Begin(limit) => limit,
            Decision::Spent => {
                // Readiness may be a permit, which nobody is to hold for a call that is not made.
                self.inner = self.inner.clone();
                return DeadlineFuture::answer(spent(&policy.ledger, &Caller::of(&request)));
            }
        };
        if limit == Limit::Never && policy.ledger.bodies.idle.is_none() {
            return DeadlineFuture::place(&mut self.inner, request, &mut None);
        }
        let mut watch = Some(Watch {
            ledger: policy.ledger.clone(),
            caller: Caller::of(&request),
            limit,
            is_current: policy.is_task_local,
            is_hurried: false,
        });
        if let (true, Limit::At(deadline)) = (policy.is_extension, limit) {
            request.extensions_mut().insert(deadline);
        }
        let _entered = watch.as_ref().and_then(Watch::enter);
        DeadlineFuture::place(&mut self.inner, request, &mut watch)
    }
}

impl<S: fmt::Debug> fmt::Debug for DeadlineService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineService")
            .field("inner", &self.inner)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
