//! A future that may have to wait before it may call the inner service, or must not.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::AnswerBody;
use tower_service::Service;

use crate::Lookup;

/// The end of a decision that had to wait.
pub(crate) trait Finish<B> {
    /// What it waited for.
    type Known;

    /// Lets the request pass, unless there is an answer.
    fn finish(&self, request: &mut Request<B>, known: Self::Known) -> Option<Response<Bytes>>;
}

pin_project! {
    pub(crate) struct Deferred<S, B, D>
    where
        S: Service<Request<B>>,
        D: Finish<B>,
    {
        #[pin]
        kind: Kind<S, B, D>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<S, B, D>
    where
        S: Service<Request<B>>,
        D: Finish<B>,
    {
        Inner { #[pin] future: S::Future },
        Answer { response: Option<Response<Bytes>> },
        // Boxed, since hardly any request waits, and else every one would carry the room for it.
        Later { waiting: Option<Box<Waiting<S, B, D, D::Known>>> },
    }
}

/// A request that is held, with the inner service that is ready for it.
struct Waiting<S, B, D, K> {
    decider: D,
    ready: S,
    request: Request<B>,
    known: Pin<Box<dyn Future<Output = K> + Send>>,
}

impl<S: Service<Request<B>>, B, D: Finish<B>> Deferred<S, B, D> {
    pub(crate) const fn inner(future: S::Future) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }

    pub(crate) fn later(decider: D, ready: S, request: Request<B>, known: Lookup<D::Known>) -> Self
    where
        D::Known: Send + 'static,
    {
        let known = match known {
            Lookup::Later(known) => known,
            Lookup::Ready(known) => Box::pin(std::future::ready(known)),
        };
        let waiting = Box::new(Waiting { decider, ready, request, known });
        Self { kind: Kind::Later { waiting: Some(waiting) } }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Inner { .. } => "Inner(..)",
            Kind::Answer { .. } => "Answer(..)",
            Kind::Later { .. } => "Later(..)",
        }
    }
}

impl<S, B, D, R> Future for Deferred<S, B, D>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: Finish<B>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<AnswerBody<R>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut kind = self.project().kind;
        loop {
            match kind.as_mut().project() {
                KindProj::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(AnswerBody::inner)));
                }
                KindProj::Answer { response } => {
                    #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                    let response = response.take().expect("a future polled after completion");
                    return Poll::Ready(Ok(response.map(AnswerBody::full)));
                }
                KindProj::Later { waiting } => {
                    #[expect(clippy::expect_used, reason = "replaced as soon as it is taken")]
                    let held = waiting.as_mut().expect("a request that waits is held");
                    let known = ready!(held.known.as_mut().poll(cx));
                    if let Some(held) = waiting.take() {
                        kind.set(held.go_on(known));
                    }
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B, D: Finish<B>> Waiting<S, B, D, D::Known> {
    fn go_on(self, known: D::Known) -> Kind<S, B, D> {
        let Self { decider, mut ready, mut request, .. } = self;
        match decider.finish(&mut request, known) {
            None => Kind::Inner { future: ready.call(request) },
            response => Kind::Answer { response },
        }
    }
}

/// A public future around [`Deferred`].
macro_rules! future {
    ($(#[$docs:meta])* $name:ident, $decider:ty) => {
        pin_project_lite::pin_project! {
            $(#[$docs])*
            #[must_use = "futures do nothing unless polled"]
            pub struct $name<S, B>
            where
                S: tower_service::Service<http::Request<B>>,
            {
                #[pin]
                pub(crate) deferred: $crate::deferred::Deferred<S, B, $decider>,
            }
        }

        impl<S, B, R> std::future::Future for $name<S, B>
        where
            S: tower_service::Service<http::Request<B>, Response = http::Response<R>>,
            R: http_body::Body<Data = bytes::Bytes>,
        {
            type Output =
                Result<http::Response<tower_ready_core::AnswerBody<R>>, S::Error>;

            #[inline]
            fn poll(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                self.project().deferred.poll(cx)
            }
        }

        impl<S: tower_service::Service<http::Request<B>>, B> std::fmt::Debug for $name<S, B> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "::{}"), self.deferred.name())
            }
        }
    };
}
pub(crate) use future;
