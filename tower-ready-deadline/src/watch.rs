//! What a call carries along for the case that its time runs out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use tower_ready_core::{Deadline, Hurried, Instant, LocalRejection, Protocol, grpc::Code};
use tower_ready_problem::{Caller, Problem, types};

use crate::{Event, Phase, Reason, current, current::Entered, stats::Ledger};

/// When a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Never.
    Never,
    /// This long after somebody had to wait for it: an answer that comes at once needs no clock.
    In(Duration),
    /// Then.
    At(Deadline),
}

/// What policies say of the bodies of answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bodies {
    /// Whether the deadline covers those of HTTP, as it always does those of gRPC.
    pub(crate) http: bool,
    /// How long any may be silent.
    pub(crate) idle: Option<Duration>,
}

/// What a call carries along.
pub(crate) struct Watch {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) caller: Caller,
    pub(crate) limit: Limit,
    /// Whether the code inside may ask for the deadline.
    pub(crate) is_current: bool,
    /// Whether it has less time than the client gives by itself, by the will of somebody else.
    pub(crate) is_hurried: bool,
}

impl Watch {
    /// Lets the code inside ask for the deadline, while the guard lives.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Entered> {
        match self.limit {
            Limit::At(deadline) if self.is_current => Some(current::enter(deadline)),
            _ => None,
        }
    }

    /// How long to wait yet, if not for ever.
    pub(crate) fn left(&mut self) -> Option<Duration> {
        let now = Instant::now();
        match self.limit {
            Limit::Never => None,
            Limit::In(time) => {
                self.limit = Limit::At(Deadline::at(now + time));
                Some(time)
            }
            Limit::At(deadline) => Some(deadline.remaining(now)),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.limit, Limit::At(deadline) if deadline.moment() <= Instant::now())
    }

    /// Whether there is something to watch over in the body.
    #[inline]
    pub(crate) fn needs_body(&self) -> bool {
        self.ledger.bodies.idle.is_some() || (self.covers_body() && self.limit != Limit::Never)
    }

    /// A call is over when its stream is; of the others, a head in time is an answer in time.
    #[inline]
    fn covers_body(&self) -> bool {
        self.ledger.bodies.http
            || matches!(
                self.caller.protocol(),
                Protocol::Grpc(_)
                    | Protocol::GrpcWeb(_)
                    | Protocol::GrpcWebText(_)
                    | Protocol::ConnectStream(_)
            )
    }

    /// What of this the body needs.
    #[inline]
    pub(crate) fn into_body(mut self) -> Self {
        self.limit = match self.limit {
            _ if !self.covers_body() => Limit::Never,
            // A body that never has to wait is over some day all the same.
            Limit::In(time) => Limit::At(Deadline::at(Instant::now() + time)),
            limit => limit,
        };
        self
    }

    /// The answer to a call that took too long. It is not marked as a rejection, unless it had too
    /// little time: whoever watches over the service that did not answer has to hear of it.
    #[cold]
    pub(crate) fn expired(&self) -> Response<Bytes> {
        self.note(Phase::Head, Reason::Deadline);
        let problem = Problem::new(&types::TIMEOUT);
        let problem = if self.is_hurried { problem.rejected_by(HURRIED) } else { problem };
        problem.answer(&self.caller)
    }

    /// Takes the word of a server that it had too little time, now or in the rest of its answer.
    #[inline]
    pub(crate) fn excuse<B: Body>(&self, answer: &mut Response<B>) {
        if self.is_hurried {
            self.mark(answer);
        }
    }

    #[cold]
    fn mark<B: Body>(&self, answer: &mut Response<B>) {
        if is_timeout(answer) {
            answer.extensions_mut().insert(HURRIED);
        } else if self.covers_body() && !answer.body().is_end_stream() {
            answer.extensions_mut().insert(Hurried);
        }
    }

    /// The end of a body that took too long, or none if there is no other way than to break it off.
    ///
    /// What may be said to the end of a stream is said in its protocol. `is_open` is whether the
    /// body may go on with something else: its length was left open, and no message has begun.
    #[cold]
    pub(crate) fn cut(&self, reason: Reason, is_open: bool) -> Option<Frame<Bytes>> {
        self.note(Phase::Body, reason);
        let problem = Problem::new(&types::TIMEOUT);
        match self.caller.protocol() {
            Protocol::Grpc(_) => {
                let (mut parts, _) = problem.answer(&self.caller).into_parts();
                parts.headers.remove(CONTENT_TYPE);
                Some(Frame::trailers(parts.headers))
            }
            Protocol::GrpcWeb(_) if is_open => Some(Frame::data(Bytes::from_static(WEB_TRAILERS))),
            Protocol::GrpcWebText(_) if is_open => {
                Some(Frame::data(Bytes::from_static(WEB_TEXT_TRAILERS)))
            }
            // Its answer to a stream is nothing but the message that ends one.
            Protocol::ConnectStream(_) if is_open => {
                Some(Frame::data(problem.answer(&self.caller).into_body()))
            }
            _ => None,
        }
    }

    /// Whether what is said to the end of the body stands in it.
    #[inline]
    pub(crate) fn ends_in_body(&self) -> bool {
        self.frames_messages() || matches!(self.caller.protocol(), Protocol::GrpcWebText(_))
    }

    /// Whether it is a message in it, like those before.
    #[inline]
    pub(crate) fn frames_messages(&self) -> bool {
        matches!(self.caller.protocol(), Protocol::GrpcWeb(_) | Protocol::ConnectStream(_))
    }

    fn note(&self, phase: Phase, reason: Reason) {
        self.ledger.note(&Event::Expired {
            phase,
            reason,
            protocol: self.caller.protocol(),
            path: self.caller.path(),
        });
    }
}

const HURRIED: LocalRejection = LocalRejection::new("deadline", "hurried");

#[cold]
fn is_timeout<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::GATEWAY_TIMEOUT
        || Code::among(answer.headers()) == Some(Code::DeadlineExceeded)
}

/// The answer to a call for which too little time is left.
#[cold]
pub(crate) fn spent(ledger: &Ledger, caller: &Caller) -> Response<Bytes> {
    ledger.note(&Event::Spent { protocol: caller.protocol(), path: caller.path() });
    Problem::new(&types::TIMEOUT)
        .detail("too little time was left to begin; nothing was done")
        .rejected_by(LocalRejection::new("deadline", "spent"))
        .answer(caller)
}

/// The frame that ends a gRPC-Web body: a flag, the length, and trailers as lines.
const WEB_TRAILERS: &[u8] =
    b"\x80\x00\x00\x00\x37grpc-status:4\r\ngrpc-message:The request took too long\r\n";

/// The same in base64.
const WEB_TEXT_TRAILERS: &[u8] =
    b"gAAAADdncnBjLXN0YXR1czo0DQpncnBjLW1lc3NhZ2U6VGhlIHJlcXVlc3QgdG9vayB0b28gbG9uZw0K";
