use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;

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

struct Asked {
    caller: Caller,
    problems: Problems,
}

impl<F, B> ProblemFuture<F, B> {
    pub(crate) const fn calling(caller: Caller, problems: Problems, future: F) -> Self {
        Self {
            state: State::Calling { future },
            asked: Some(Asked { caller, problems }),
        }
    }

    pub(crate) const fn failed(caller: Caller, problems: Problems, problem: Problem) -> Self {
        let state = State::Failed {
            problem: Some(problem),
        };
        Self {
            state,
            asked: Some(Asked { caller, problems }),
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
            let result = match panic::catch(|| future.poll(cx)) {
                Ok(polled) => ready!(polled).map_err(Into::into),
                Err(panicked) => Err(panicked.into()),
            };
            let asked = asked(this.asked);
            match result {
                Ok(response) => match asked.judge(&response) {
                    Foreign::Pass => return Poll::Ready(Ok(asked.pass(response))),
                    Foreign::Ours => return Poll::Ready(Ok(asked.again(response))),
                    Foreign::Bare => return Poll::Ready(Ok(asked.bare(response))),
                    Foreign::Text => {
                        let max_text = asked.problems.config().max_text;
                        let reading =
                            Box::pin(Reading::new(response, max_text, asked.caller.protocol()));
                        this.state.set(State::Reading { reading });
                        *this.asked = Some(asked);
                    }
                },
                Err(error) => {
                    let problem = asked.problems.of_error(error, &types::INTERNAL);
                    return Poll::Ready(Ok(asked.answer(problem, None)));
                }
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
    asked
        .take()
        .expect("`ProblemFuture` polled after completion")
}

impl Asked {
    fn judge<B: Body>(&self, response: &Response<B>) -> Foreign {
        foreign::examine(response, self.caller.protocol(), self.problems.config())
    }

    fn pass<B>(self, response: Response<B>) -> Response<ProblemBody<B>> {
        response.map(|body| ProblemBody::inner(body, self.caller, self.problems))
    }

    /// Answers anew with a problem that something inside has answered without all that is known
    /// here.
    fn again<B>(self, response: Response<B>) -> Response<ProblemBody<B>> {
        let (mut parts, body) = response.into_parts();
        match foreign::take_ours(&mut parts.extensions) {
            Some(problem) => self.answer(problem, Some(parts)),
            None => self.pass(Response::from_parts(parts, body)),
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
        let (kept, extensions) = earlier
            .map(|parts| (foreign::kept(parts.headers), parts.extensions))
            .unzip();
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
