use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::{GuardedBody, GuardedFuture, LocalRejection};
use tower_service::Service;

use crate::{
    Decision, Head,
    after::{After, Ending},
    decide::{NAME, Pass, Step},
    fields::Lines,
    limiter::Shared,
    service::answer,
    store::{MemoryStore, Store},
};

/// The body of a limited service's answer: the inner one, or that of a refusal.
///
/// It holds permits and reservations until it ends, where a policy has such.
pub type RateLimitBody<B> = GuardedBody<B, Ending>;

pin_project! {
    /// The answer of a limited service.
    #[must_use = "futures do nothing unless polled"]
    pub struct RateLimitFuture<S, B, St = MemoryStore>
    where
        S: Service<Request<B>>,
        St: Store,
    {
        #[pin]
        kind: Kind<S::Future, Waiting<S, B, St>>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, W> {
        Bare { #[pin] future: F },
        Plain { #[pin] future: F, lines: Lines },
        Noted { #[pin] future: F, note: Note },
        Watched { #[pin] future: GuardedFuture<F, Ending>, note: Note },
        Answer { response: Option<Response<Bytes>> },
        Waiting { waiting: W },
    }
}

/// What goes onto an answer that comes from inside.
struct Note {
    lines: Lines,
    decision: Option<Box<Decision>>,
}

/// A request whose decision takes a trip. Boxed, since it is no path that has to be fast.
struct Waiting<S, B, St: Store>(Option<Box<Held<S, B, St>>>);

struct Held<S, B, St: Store> {
    service: S,
    request: Request<B>,
    limiter: Shared<St>,
    step: Step<St>,
    /// How many plans were fetched.
    fetched: usize,
}

impl<S, B, St> RateLimitFuture<S, B, St>
where
    S: Service<Request<B>>,
    St: Store,
{
    #[inline]
    pub(crate) const fn bare(future: S::Future) -> Self {
        Self { kind: Kind::Bare { future } }
    }

    #[inline]
    pub(crate) const fn plain(future: S::Future, lines: Lines) -> Self {
        Self { kind: Kind::Plain { future, lines } }
    }

    pub(crate) fn pass(service: &mut S, request: Request<B>, pass: Pass<St>) -> Self {
        Self { kind: call(service, request, pass) }
    }

    pub(crate) const fn refuse(response: Response<Bytes>) -> Self {
        Self { kind: Kind::Answer { response: Some(response) } }
    }

    #[cold]
    pub(crate) fn wait(
        service: S,
        request: Request<B>,
        limiter: Shared<St>,
        step: Step<St>,
    ) -> Self {
        let held = Held { service, request, limiter, step, fetched: 0 };
        Self { kind: Kind::Waiting { waiting: Waiting(Some(Box::new(held))) } }
    }
}

/// Calls the inner service with a request that may pass.
fn call<S, B, W, St>(service: &mut S, mut request: Request<B>, pass: Pass<St>) -> Kind<S::Future, W>
where
    S: Service<Request<B>>,
    St: Store,
{
    let Pass { lines, after, decision } = pass;
    if let Some(decision) = &decision {
        request.extensions_mut().insert(Decision::clone(decision));
    }
    let note = Note { lines, decision };
    match after {
        None => Kind::Noted { future: service.call(request), note },
        Some(after) => watched(service, request, note, after),
    }
}

fn watched<S, B, W, St>(
    service: &mut S,
    mut request: Request<B>,
    note: Note,
    mut after: Box<After<St>>,
) -> Kind<S::Future, W>
where
    S: Service<Request<B>>,
    St: Store,
{
    after.ask_usage(request.extensions_mut());
    Kind::Watched { future: GuardedFuture::call(service, request, after.ending()), note }
}

impl Note {
    #[inline]
    fn write<B>(&mut self, response: &mut Response<B>) {
        add_lines(mem::take(&mut self.lines), response);
        // That of a limiter further in stays.
        if let Some(decision) = self.decision.take()
            && Decision::of(response.extensions()).is_none()
        {
            response.extensions_mut().insert(*decision);
        }
    }
}

/// Adds the fields to an answer, unless a limiter further in refused: what is left here may point
/// further into the future than its `Retry-After`.
#[inline]
fn add_lines<B>(lines: Lines, response: &mut Response<B>) {
    let refused = |local: &LocalRejection| local.by() == NAME;
    if !lines.is_none() && !response.extensions().get().is_some_and(refused) {
        lines.insert_into(response.headers_mut());
    }
}

impl<S, B, St: Store> Held<S, B, St> {
    /// Moves the decision on until it is made.
    #[cold]
    #[inline(never)]
    fn poll_decided(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.step = match &mut self.step {
                Step::Pass(_) | Step::Refuse(_) => return Poll::Ready(()),
                Step::Fetch(fetch) => {
                    ready!(fetch.as_mut().poll(cx));
                    self.fetched += 1;
                    // Each policy may have a plan to fetch, and none of them twice.
                    let fetch = self.fetched < self.limiter.rules.len();
                    self.limiter.decide_at_length(&Head::of(&self.request), fetch)
                }
                Step::Later(later) => ready!(later.as_mut().poll(cx)),
            };
        }
    }
}

impl<S, B, R, St> Future for RateLimitFuture<S, B, St>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: 'static,
    R: Body<Data = Bytes>,
    St: Store,
{
    type Output = Result<Response<RateLimitBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut kind = self.as_mut().project().kind;
            let next = match kind.as_mut().project() {
                KindProj::Bare { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(RateLimitBody::unwatched)));
                }
                KindProj::Plain { future, lines } => {
                    let mut response = ready!(future.poll(cx))?;
                    add_lines(mem::take(lines), &mut response);
                    return Poll::Ready(Ok(response.map(RateLimitBody::unwatched)));
                }
                KindProj::Noted { future, note } => {
                    let mut response = ready!(future.poll(cx))?;
                    note.write(&mut response);
                    return Poll::Ready(Ok(response.map(RateLimitBody::unwatched)));
                }
                KindProj::Watched { future, note } => {
                    let mut response = ready!(future.poll(cx))?;
                    note.write(&mut response);
                    return Poll::Ready(Ok(response));
                }
                KindProj::Answer { response } => {
                    let response = response.take();
                    #[expect(clippy::expect_used, reason = "the contract of `Future`")]
                    let response = response.expect("`RateLimitFuture` polled after completion");
                    return Poll::Ready(Ok(response.map(RateLimitBody::full)));
                }
                KindProj::Waiting { waiting } => {
                    #[expect(clippy::expect_used, reason = "it is replaced when it is taken")]
                    let held = waiting.0.as_mut().expect("it waits");
                    ready!(held.poll_decided(cx));
                    #[expect(clippy::expect_used, reason = "as above")]
                    let mut held = *waiting.0.take().expect("it waits");
                    match held.step {
                        Step::Pass(pass) => call(&mut held.service, held.request, pass),
                        Step::Refuse(refusal) => {
                            Kind::Answer { response: Some(answer(refusal, &held.request)) }
                        }
                        // It was decided above.
                        Step::Fetch(_) | Step::Later(_) => continue,
                    }
                }
            };
            kind.set(next);
        }
    }
}

impl<S, B, St> fmt::Debug for RateLimitFuture<S, B, St>
where
    S: Service<Request<B>>,
    St: Store,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Bare { .. } | Kind::Plain { .. } | Kind::Noted { .. } | Kind::Watched { .. } => {
                "RateLimitFuture::Inner(..)"
            }
            Kind::Answer { .. } => "RateLimitFuture::Answer(..)",
            Kind::Waiting { .. } => "RateLimitFuture::Waiting(..)",
        })
    }
}
