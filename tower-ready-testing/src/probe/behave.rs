//! What the probe does with a call, in words that both protocols share.

use std::{error::Error, fmt};

use futures_util::stream::{self, BoxStream, StreamExt};

use super::{
    Gate, Probe,
    counts::Running,
    proto::{Behaviour, Ending},
};

pub(super) enum Outcome {
    Text(String),
    Failed(Behaviour),
    Stream(BoxStream<'static, Result<String, BrokenStream>>),
}

/// The error with which a stream breaks off.
#[derive(Debug)]
#[non_exhaustive]
pub struct BrokenStream;

// === impl Probe ===

impl Probe {
    /// Does what the call asks; `running` counts it until it is done.
    pub(super) async fn behave(&self, running: Running, wish: Behaviour) -> Outcome {
        if wish.gated {
            self.gate.pass().await;
        }
        if wish.panic {
            blow_up();
        }
        if let Some(chunks) = wish.chunks {
            let stream = chunks_of(chunks, wish.ending(), self.gate.clone(), running);
            return Outcome::Stream(stream.boxed());
        }
        running.finish();
        if wish.fail { Outcome::Failed(wish) } else { Outcome::Text("ok".to_owned()) }
    }
}

fn chunks_of(
    chunks: u32,
    ending: Ending,
    gate: Gate,
    running: Running,
) -> impl stream::Stream<Item = Result<String, BrokenStream>> + Send {
    stream::unfold(Some((0, running)), move |state| {
        let gate = gate.clone();
        async move {
            let (sent, running) = state?;
            if sent < chunks {
                return Some((Ok(format!("chunk {sent}")), Some((sent + 1, running))));
            }
            match ending {
                Ending::End => {}
                Ending::Wait => gate.pass().await,
                Ending::Panic => blow_up(),
                Ending::Break => {
                    running.finish();
                    return Some((Err(BrokenStream), None));
                }
            }
            running.finish();
            None
        }
    })
}

fn blow_up() -> ! {
    panic!("do not show this: K-4711")
}

// === impl BrokenStream ===

impl fmt::Display for BrokenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream broke off, as the call asked")
    }
}

impl Error for BrokenStream {}
