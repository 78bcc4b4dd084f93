//! Bodies that follow a script.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::{
    control::{Control, Counted},
    failure::{Failure, InnerError},
};

/// A body of the contract's requests and answers. It has no traits beyond [`Body`], as the bodies of
/// some hosts: neither `Default` nor `From<Bytes>`.
#[derive(Debug)]
pub struct ScriptedBody {
    control: Control,
    steps: VecDeque<Step>,
    sized: bool,
    _counted: Option<Counted>,
}

/// What a body does at a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Data(&'static str),
    Trailers(&'static str, &'static str),
    Fail(u32),
    Pause,
    /// Nothing more, ever.
    Hang,
    /// Not a step: the body does not know its length.
    Unsized,
}

/// A frame as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(Option<u32>),
}

/// All that can be seen of a body at one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// `is_end_stream` before the poll.
    pub(super) end: bool,
    /// The bounds of `size_hint` before the poll.
    pub(super) size: (u64, Option<u64>),
    /// What the poll returned.
    pub(super) frame: Option<Copied>,
}

// === impl ScriptedBody ===

impl ScriptedBody {
    pub(super) fn new(control: &Control, steps: &[Step]) -> Self {
        let sized = !steps.iter().any(|step| matches!(step, Step::Unsized | Step::Fail(_)));
        let steps = steps.iter().copied().filter(|step| *step != Step::Unsized).collect();
        Self { control: control.clone(), steps, sized, _counted: None }
    }

    pub(super) fn counted(mut self) -> Self {
        self._counted = Some(self.control.count(|state| &mut state.bodies));
        self
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = InnerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InnerError>>> {
        Poll::Ready(match self.steps.pop_front() {
            None | Some(Step::Unsized) => None,
            Some(Step::Data(text)) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
            Some(Step::Trailers(name, value)) => {
                let name = HeaderName::from_static(name);
                let trailers = [(name, HeaderValue::from_static(value))];
                Some(Ok(Frame::trailers(trailers.into_iter().collect())))
            }
            Some(Step::Fail(number)) => Some(Err(InnerError::new(number))),
            Some(Step::Pause) => {
                self.control.pause(cx);
                return Poll::Pending;
            }
            Some(Step::Hang) => {
                self.steps.push_front(Step::Hang);
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.steps.iter().all(|step| *step == Step::Pause)
    }

    fn size_hint(&self) -> SizeHint {
        if !self.sized {
            return SizeHint::default();
        }
        let left = self.steps.iter().map(|step| match step {
            Step::Data(text) => text.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(left.sum())
    }
}

// === impl Copied ===

impl Copied {
    pub(super) fn of<D: Buf, E: Failure>(frame: Result<Frame<D>, E>) -> Self {
        match frame.map(Frame::into_data) {
            Ok(Ok(mut data)) => Self::Data(data.copy_to_bytes(data.remaining())),
            Ok(Err(frame)) => Self::Trailers(frame.into_trailers().unwrap_or_default()),
            Err(error) => Self::Error(error.inner()),
        }
    }
}

/// Reads a body to its end as a careful reader would, and keeps all it saw.
pub(super) async fn sights<B>(body: B) -> Vec<Sight>
where
    B: Body<Error: Failure>,
{
    let mut body = pin!(body);
    let mut sights = Vec::new();
    loop {
        let (end, size) = (body.is_end_stream(), body.size_hint());
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        let frame = frame.map(Copied::of);
        let last = matches!(frame, None | Some(Copied::Error(_)));
        sights.push(Sight { end, size: (size.lower(), size.upper()), frame });
        if last {
            return sights;
        }
    }
}
