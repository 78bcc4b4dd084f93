use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_ready_core::called;
use tower_service::Service;

use crate::{
    Caller, Problem, ProblemBody, Problems,
    foreign::{self, Foreign, Reading},
    panic,
    problems::BoxError,
    types,
};

pin_project! {
    /// The future of a [`ProblemService`](crate::ProblemService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ProblemFuture<F, B> {
        #[pin]
        state: State<F, B>,
        asked: Option<Asked>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Calling { #[pin] future: F },
        Failed { problem: Option<Problem> },
        // Boxed, since only an error is read, and else every call would carry the room for it.
        Reading { reading: Pin<Box<Reading<B>>> },
    }
}

/// Who asked, and how they are answered.
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    pub(crate) problems: Problems,
}

impl<F, B> ProblemFuture<F, B> {
    /// Calls the inner service.
    // Apart, as is the next one, since a call that leaves nothing to be dropped if it panics writes
    // what it returns into its place. Else it would be moved there, with the futures of all services
    // inside.
    #[inline(never)]
    pub(crate) fn call<S, Q>(
        service: &mut S,
        request: Request<Q>,
        asked: &mut Option<Asked>,
    ) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        Self { state: State::call(service, request), asked: asked.take() }
    }

    /// Answers with this problem.
    pub(crate) const fn fail(problem: Problem, asked: Asked) -> Self {
        Self { state: State::Failed { problem: Some(problem) }, asked: Some(asked) }
    }
}

impl<F, B> State<F, B> {
    #[inline(never)]
    fn call<S, Q>(service: &mut S, request: Request<Q>) -> Self
    where
        S: Service<Request<Q>, Future = F>,
    {
        match panic::catch(|| Self::Calling { future: called(service, request) }) {
            Ok(calling) => calling,
            Err(panicked) => {
                let problem = Some(Problem::new(&types::INTERNAL).source(panicked));
                Self::Failed { problem }
            }
        }
    }
}

impl<F, B, E> Future for ProblemFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ProblemBody<B>>, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StateProj::Calling { future } = this.state.as_mut().project() {
            // An answer is moved as seldom as can be: that is most of what a good one costs.
            let mut polled = Poll::Pending;
            let panicked = panic::catch(|| polled = future.poll(cx)).err();
            let foreign = match &polled {
                Poll::Ready(Ok(response)) => judge(this.asked, response),
                Poll::Pending if panicked.is_none() => return Poll::Pending,
                _ => Foreign::Pass,
            };
            let error = match (polled, foreign) {
                (Poll::Ready(Ok(response)), Foreign::Pass) => {
                    let asked = this.asked.take();
                    return Poll::Ready(Ok(response.map(|body| ProblemBody::inner(body, asked))));
                }
                (Poll::Ready(Ok(response)), Foreign::Ours) => {
                    return Poll::Ready(Ok(asked(this.asked).again(response)));
                }
                (Poll::Ready(Ok(response)), Foreign::Bare) => {
                    return Poll::Ready(Ok(asked(this.asked).bare(response)));
                }
                (Poll::Ready(Ok(response)), Foreign::Text { max, protocol }) => {
                    let reading = Box::pin(Reading::new(response, max, protocol));
                    this.state.set(State::Reading { reading });
                    None
                }
                (Poll::Ready(Err(error)), _) => Some(error.into()),
                (Poll::Pending, _) => panicked.map(Into::into),
            };
            if let Some(error) = error {
                let asked = asked(this.asked);
                let problem = asked.problems.of_error(error, &types::INTERNAL);
                return Poll::Ready(Ok(asked.answer(problem, None)));
            }
        }
        let (problem, parts) = match this.state.project() {
            StateProj::Reading { reading } => {
                let (problem, parts) = ready!(reading.as_mut().poll(cx));
                (Some(problem), Some(parts))
            }
            StateProj::Failed { problem } => (problem.take(), None),
            StateProj::Calling { .. } => (None, None),
        };
        let problem = problem.unwrap_or_else(|| Problem::new(&types::INTERNAL));
        Poll::Ready(Ok(asked(this.asked).answer(problem, parts)))
    }
}

#[expect(clippy::expect_used, reason = "the contract of `Future`")]
fn asked(asked: &mut Option<Asked>) -> Asked {
    asked.take().expect("`ProblemFuture` polled after completion")
}

fn judge<B: Body>(asked: &Option<Asked>, response: &Response<B>) -> Foreign {
    asked.as_ref().map_or(Foreign::Pass, |asked| {
        foreign::examine(response, asked.caller.protocol(), asked.problems.config())
    })
}

fn pass<B>(response: Response<B>, asked: Option<Asked>) -> Response<ProblemBody<B>> {
    response.map(|body| ProblemBody::inner(body, asked))
}

impl Asked {
    /// Answers anew with a problem that something inside has answered without all that is known
    /// here.
    fn again<B>(self, response: Response<B>) -> Response<ProblemBody<B>> {
        let (mut parts, body) = response.into_parts();
        match foreign::take_ours(&mut parts.extensions) {
            Some(problem) => self.answer(problem, Some(parts)),
            None => pass(Response::from_parts(parts, body), Some(self)),
        }
    }

    fn bare<B: Body>(self, response: Response<B>) -> Response<ProblemBody<B>> {
        let (parts, body) = response.into_parts();
        let mut problem = foreign::problem(&parts, Vec::new(), self.caller.protocol());
        if problem.http_status().is_server_error() && !body.is_end_stream() {
            // Else nobody would ever hear that something failed here, and said so.
            problem = problem.internal("an answer whose text was too long to keep");
        }
        self.answer(problem, Some(parts))
    }

    /// Answers with a problem, and what an earlier answer leaves.
    fn answer<B>(self, problem: Problem, earlier: Option<Parts>) -> Response<ProblemBody<B>> {
        let (kept, extensions) =
            earlier.map(|parts| (foreign::kept(parts.headers), parts.extensions)).unzip();
        let mut response = self.problems.answer(problem, &self.caller, kept);
        if let Some(mut extensions) = extensions {
            extensions.extend(mem::take(response.extensions_mut()));
            *response.extensions_mut() = extensions;
        }
        response.map(ProblemBody::full)
    }
}

impl<F, B> fmt::Debug for ProblemFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Calling { .. } => "ProblemFuture::Calling(..)",
            State::Failed { .. } => "ProblemFuture::Failed(..)",
            State::Reading { .. } => "ProblemFuture::Reading(..)",
        })
    }
}
