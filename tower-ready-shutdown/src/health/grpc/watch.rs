use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::watch::Receiver;
use tower_ready_core::grpc::Code;

use super::{
    future::status,
    message::{self, Word},
};
use crate::health::{Health, board::Verdict};

/// The stream of a Watch: the status now and whenever it changes, until the process leaves.
///
/// It ends then, with the last word `NOT_SERVING`: an open stream would keep its connection, and
/// with it the server.
pub(in crate::health) struct Watching {
    is_known: bool,
    told: Option<Word>,
    state: State,
    /// For as long as somebody watches, checks go on.
    _health: Health,
}

enum State {
    Look(Receiver<Verdict>),
    Wait(Pin<Box<dyn Future<Output = Receiver<Verdict>> + Send>>),
    Leave,
    Over,
}

impl Watching {
    pub(super) fn new(health: Health, is_known: bool) -> Self {
        let state = State::Look(health.watch());
        Self { is_known, told: None, state, _health: health }
    }

    pub(in crate::health) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(in crate::health) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Frame<Bytes>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Look(mut verdicts) => {
                    let verdict = *verdicts.borrow_and_update();
                    self.state = match verdict {
                        Verdict::Leaving => State::Leave,
                        Verdict::Ready | Verdict::NotReady => State::Wait(next(verdicts)),
                    };
                    let serving = self.serving(verdict);
                    if self.told.replace(serving) != Some(serving) {
                        return Poll::Ready(Some(Frame::data(message::status(serving))));
                    }
                }
                State::Wait(mut next) => match next.as_mut().poll(cx) {
                    Poll::Ready(verdicts) => self.state = State::Look(verdicts),
                    Poll::Pending => {
                        self.state = State::Wait(next);
                        return Poll::Pending;
                    }
                },
                State::Leave => return Poll::Ready(Some(Frame::trailers(status(Code::Ok)))),
                State::Over => return Poll::Ready(None),
            }
        }
    }

    const fn serving(&self, verdict: Verdict) -> Word {
        match verdict {
            _ if !self.is_known => Word::ServiceUnknown,
            Verdict::Ready => Word::Serving,
            Verdict::NotReady | Verdict::Leaving => Word::NotServing,
        }
    }
}

fn next(
    mut verdicts: Receiver<Verdict>,
) -> Pin<Box<dyn Future<Output = Receiver<Verdict>> + Send>> {
    Box::pin(async move {
        // The health that we hold has the sender, so this cannot fail.
        let _ = verdicts.changed().await;
        verdicts
    })
}
