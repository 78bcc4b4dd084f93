//! What is left to do when an exchange ends: permits, refunds, settlements.

use std::fmt;

use http::Response;
use tower_ready_core::{End, Guard, Instant, grpc::Code};

use crate::{
    Answer, Usage,
    limiter::Shared,
    permits::Permit,
    policy::Settle,
    store::{Change, Demand, Store},
};

/// Rides along with the answer. For a limiter whose policies end with the decision it is empty, and
/// costs a null check.
pub(crate) struct Ending<St: Store>(Option<Box<After<St>>>);

pub(crate) struct After<St: Store> {
    limiter: Shared<St>,
    permits: Vec<Permit>,
    reserved: Vec<Reserved>,
    usage: Option<Usage>,
    bytes: u64,
    grpc: bool,
    answer: Option<Answer>,
}

/// Units that were taken for now.
#[derive(Clone, Copy)]
struct Reserved {
    rule: usize,
    demand: Demand,
}

impl<St: Store> Ending<St> {
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }

    fn after(&mut self, limiter: &Shared<St>) -> &mut After<St> {
        self.0.get_or_insert_with(|| {
            Box::new(After {
                limiter: limiter.clone(),
                permits: Vec::new(),
                reserved: Vec::new(),
                usage: None,
                bytes: 0,
                grpc: false,
                answer: None,
            })
        })
    }

    pub(crate) fn hold(&mut self, limiter: &Shared<St>, permit: Permit) {
        self.after(limiter).permits.push(permit);
    }

    /// Remembers what was taken, for a policy that may put some of it back.
    pub(crate) fn reserve(&mut self, limiter: &Shared<St>, rule: usize, demand: Demand) {
        let after = self.after(limiter);
        after.reserved.push(Reserved { rule, demand });
        if limiter.rules[rule].policy.settle == Some(Settle::Usage) {
            after.usage.get_or_insert_default();
        }
    }

    /// What the handler should find in the extensions of its request.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.0.as_ref()?.usage.clone()
    }

    /// The protocol of the caller: a gRPC answer tells its code late.
    pub(crate) fn set_grpc(&mut self, grpc: bool) {
        if let Some(after) = &mut self.0 {
            after.grpc = grpc;
        }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        self.0.is_none()
    }
}

impl<St: Store> Guard for Ending<St> {
    fn head<B>(&mut self, response: &mut Response<B>) {
        let Some(after) = &mut self.0 else { return };
        let code = response.headers().get("grpc-status");
        after.answer = match (after.grpc, code) {
            (false, _) => Some(Answer::new(Some(response.status()), None)),
            (true, Some(code)) => Some(Answer::new(None, Some(known(code)))),
            (true, None) => None,
        };
    }

    fn data(&mut self, bytes: usize) {
        if let Some(after) = &mut self.0 {
            after.bytes = after.bytes.saturating_add(bytes as u64);
        }
    }

    fn end(mut self, end: End<'_>) {
        if let Some(mut after) = self.0.take() {
            after.answer = after.answer.or(match end {
                End::Trailers(trailers) => {
                    let code = trailers.get("grpc-status").map_or(Code::Unknown, known);
                    Some(Answer::new(None, Some(code)))
                }
                // A gRPC answer without a code is broken.
                End::Complete => Some(Answer::new(None, Some(Code::Unknown))),
                End::Error(_) | End::Panicked => Some(Answer::new(None, None)),
                End::Dropped => None,
            });
            after.close();
        }
    }
}

impl<St: Store> After<St> {
    fn close(self) {
        let now = Instant::now();
        for Reserved { rule, demand } in &self.reserved {
            let policy = &self.limiter.rules[*rule].policy;
            // Whoever left before the answer pays in full.
            let counted = match (&policy.counts, &self.answer) {
                (Some(counts), Some(answer)) => counts(answer),
                _ => true,
            };
            let price = match policy.settle {
                _ if !counted => 0,
                None => demand.units,
                Some(Settle::Bytes) => self.bytes,
                Some(Settle::Usage) => self.usage.as_ref().map_or(0, Usage::get),
            };
            let change = |units| Demand { units, ..*demand };
            let store = &self.limiter.store;
            if price > demand.units {
                store.adjust(now, &change(price - demand.units), Change::Charge);
            } else if price < demand.units {
                store.adjust(now, &change(demand.units - price), Change::Refund);
            }
        }
    }
}

/// A code that is none is `UNKNOWN`, as gRPC says.
fn known(value: &http::HeaderValue) -> Code {
    Code::from_header(value).unwrap_or(Code::Unknown)
}

impl<St: Store> fmt::Debug for Ending<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.0.as_ref();
        f.debug_struct("Ending")
            .field("permits", &after.map_or(0, |after| after.permits.len()))
            .field("reserved", &after.map_or(0, |after| after.reserved.len()))
            .finish_non_exhaustive()
    }
}
