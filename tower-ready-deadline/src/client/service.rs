use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_ready_core::{Head, Protocol};
use tower_ready_problem::Caller;
use tower_service::Service;

use super::policy::Plan;
use crate::{
    ClientDeadlines, DeadlineBody, DeadlineFuture,
    header::{CONNECT, ENVOY, GRPC, PLAIN, written},
    watch::{Limit, Watch, spent},
};

/// A client whose calls have deadlines.
#[derive(Clone, Debug)]
pub struct ClientDeadlineService<S> {
    inner: S,
    deadlines: ClientDeadlines,
}

impl<S> ClientDeadlineService<S> {
    pub(super) const fn new(inner: S, deadlines: ClientDeadlines) -> Self {
        Self { inner, deadlines }
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

impl<S, Q, B> Service<Request<Q>> for ClientDeadlineService<S>
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

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let policy = &*self.deadlines.0;
        let (limit, told, is_hurried) = match policy.plan(&Head::of(&request)) {
            Plan::Free if policy.ledger.bodies.idle.is_none() => {
                return DeadlineFuture::place(&mut self.inner, request, &mut None);
            }
            Plan::Free => (Limit::Never, None, false),
            Plan::Until { deadline, told, is_hurried } => {
                (Limit::At(deadline), Some(told), is_hurried)
            }
            Plan::Spent => {
                // Readiness may be a connection, which somebody else can use.
                self.inner = self.inner.clone();
                return DeadlineFuture::answer(spent(&policy.ledger, &Caller::of(&request)));
            }
        };
        if let Some(told) = told {
            let (name, value) = written(Protocol::of(&request), told);
            let headers = request.headers_mut();
            // What else says how long we wait would say something else.
            for other in [GRPC, CONNECT, ENVOY, PLAIN] {
                headers.remove(other);
            }
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        // What the header says grows old while a retry inside waits, so those who read it there are
        // told the moment too.
        if let (Limit::At(deadline), Some(outer)) = (limit, request.extensions_mut().get_mut()) {
            *outer = deadline;
        }
        let mut watch = Some(Watch {
            ledger: policy.ledger.clone(),
            caller: Caller::of(&request),
            limit,
            is_current: true,
            is_hurried,
        });
        let _entered = watch.as_ref().and_then(Watch::enter);
        DeadlineFuture::place(&mut self.inner, request, &mut watch)
    }
}
