//! What is left to do when an exchange ends: permits, refunds, settlements.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tower_ready_core::{End, Guard, Instant, grpc::Code};

use crate::{
    Answer, KeyHash, Quota, Usage,
    limiter::Shared,
    permits::Permit,
    policy::Settle,
    store::{Change, Demand, Store},
};

/// What is left to do for one request. Boxed, and only made for policies that leave something.
pub(crate) struct After<St: Store> {
    limiter: Shared<St>,
    permits: Vec<Permit>,
    reserved: Vec<Reserved>,
    usage: Option<Usage>,
    bytes: u64,
    grpc: bool,
    answer: Option<Answer>,
}

/// What an exchange holds until it ends, if one of its policies waits for that.
///
/// It is without the store's type, so that bodies are easy to name. There is nothing to call.
pub struct Ending(Box<dyn Exchange>);

trait Exchange: Send + Sync {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap);
    fn data(&mut self, bytes: usize);
    fn end(self: Box<Self>, end: &End<'_>);
}

/// Units that were taken for now.
struct Reserved {
    rule: usize,
    key: KeyHash,
    quota: Quota,
    units: u64,
}

impl<St: Store> After<St> {
    pub(crate) const fn new(limiter: Shared<St>) -> Self {
        Self {
            limiter,
            permits: Vec::new(),
            reserved: Vec::new(),
            usage: None,
            bytes: 0,
            grpc: false,
            answer: None,
        }
    }

    pub(crate) fn hold(&mut self, permit: Permit) {
        self.permits.push(permit);
    }

    /// Remembers what was taken, for a policy that may put some of it back.
    pub(crate) fn reserve(&mut self, rule: usize, demand: &Demand<'_>) {
        if self.limiter.rules[rule].policy.settle == Some(Settle::Usage) {
            self.usage.get_or_insert_default();
        }
        self.reserved.push(Reserved {
            rule,
            key: demand.key,
            quota: *demand.quota,
            units: demand.units,
        });
    }

    /// What the handler should find in the extensions of its request.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage.clone()
    }

    /// The protocol of the caller: a gRPC answer tells its code late.
    pub(crate) const fn set_grpc(&mut self, grpc: bool) {
        self.grpc = grpc;
    }

    pub(crate) fn ending(self: Box<Self>) -> Ending {
        Ending(self)
    }
}

impl<St: Store> Exchange for After<St> {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.answer = match (self.grpc, headers.get("grpc-status")) {
            (false, _) => Some(Answer::new(Some(status), None)),
            (true, Some(code)) => Some(Answer::new(None, Some(known(code)))),
            (true, None) => None,
        };
    }

    fn data(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    fn end(mut self: Box<Self>, end: &End<'_>) {
        if self.answer.is_none() {
            self.answer = match end {
                End::Trailers(trailers) => {
                    let code = trailers.get("grpc-status").map_or(Code::Unknown, known);
                    Some(Answer::new(None, Some(code)))
                }
                // A gRPC answer without a code is broken.
                End::Complete => Some(Answer::new(None, Some(Code::Unknown))),
                End::Error(_) | End::Panicked => Some(Answer::new(None, None)),
                End::Dropped => None,
            };
        }
        self.close();
    }
}

impl Guard for Ending {
    fn head<B>(&mut self, response: &mut Response<B>) {
        self.0.head(response.status(), response.headers());
    }

    fn data(&mut self, data: &Bytes) {
        self.0.data(data.len());
    }

    fn end(self, end: End<'_>) {
        self.0.end(&end);
    }
}

impl<St: Store> After<St> {
    fn close(&self) {
        let now = Instant::now();
        for reserved in &self.reserved {
            let policy = &self.limiter.rules[reserved.rule].policy;
            // Whoever left before the answer pays in full.
            let counted = match (&policy.counts, &self.answer) {
                (Some(counts), Some(answer)) => counts(answer),
                _ => true,
            };
            let price = match policy.settle {
                _ if !counted => 0,
                None => reserved.units,
                Some(Settle::Bytes) => self.bytes,
                Some(Settle::Usage) => self.usage.as_ref().map_or(0, Usage::get),
            };
            let (change, units) = if price > reserved.units {
                (Change::Charge, price - reserved.units)
            } else {
                (Change::Refund, reserved.units - price)
            };
            if units > 0 {
                let demand =
                    Demand { key: reserved.key, quota: &reserved.quota, units, debt: policy.debt };
                self.limiter.store.adjust(now, &demand, change);
            }
        }
    }
}

/// A code that is none is `UNKNOWN`, as gRPC says.
fn known(value: &HeaderValue) -> Code {
    Code::from_header(value).unwrap_or(Code::Unknown)
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ending(..)")
    }
}
