//! What is current while a request is worked on.

use std::{
    cell::{Cell, RefCell},
    mem,
};

use ::tracing::{Span, span};
use http::HeaderValue;

use super::{Current, Sampler, ids::Ids};

thread_local! {
    static CURRENT: RefCell<Option<Ids>> = const { RefCell::new(None) };
    /// A request of which nothing is known, while that is all there is.
    static OPEN: Cell<Option<Sampler>> = const { Cell::new(None) };
}

/// The request inside of whose handling this is called, bodies included.
///
/// It belongs to the task: what is spawned starts without one, and takes it along with
/// [`Current::run`].
#[must_use]
pub fn current() -> Option<Current> {
    let tell = |cell: &RefCell<Option<Ids>>| {
        let current = &mut *cell.borrow_mut();
        if current.is_none() {
            *current = OPEN.take().map(|sampler| Ids::of(sampler.root()));
        }
        current.as_mut().map(Ids::tell)
    };
    // There is none while a thread ends.
    CURRENT.try_with(tell).ok().flatten()
}

/// A request, and its span.
#[derive(Debug, Default)]
pub(super) struct Scope {
    ids: Option<Ids>,
    /// Of a request of which nothing is known: by this rule a trace begins when somebody asks.
    open: Option<Sampler>,
    /// Behind a pointer, since nobody has one while nobody listens, and all of it moves about.
    span: Option<Box<Span>>,
}

/// Puts back what was current before, when it is dropped.
pub(super) struct Entered<'a> {
    left: Left<'a>,
    _span: Option<span::Entered<'a>>,
}

/// What there is to put back.
enum Left<'a> {
    Nothing,
    Open(&'a mut Option<Ids>, Option<Sampler>),
    Known(&'a mut Option<Ids>),
}

impl Scope {
    pub(super) fn new(ids: Ids, span: Option<Span>) -> Self {
        Self { ids: Some(ids), ..Self::of_span(span) }
    }

    /// Of no request, with a span.
    pub(super) fn of_span(span: Option<Span>) -> Self {
        Self { ids: None, open: None, span: span.map(Box::new) }
    }

    #[inline]
    pub(super) fn set(&mut self, ids: Ids, span: Option<Span>) {
        fill(&mut self.ids, Some(ids));
        self.span = span.map(Box::new);
    }

    /// Of a request of which nothing is known.
    pub(super) const fn leave_open(&mut self, sampler: Sampler) {
        self.open = Some(sampler);
    }

    /// The request moves in and out: nothing is counted.
    #[inline]
    pub(super) fn enter(&mut self) -> Entered<'_> {
        let left = if self.ids.is_some() {
            trade(&mut self.ids).map_or(Left::Nothing, Left::Known)
        } else if self.open.is_some() {
            Left::Open(&mut self.ids, OPEN.replace(self.open))
        } else {
            Left::Nothing
        };
        Entered { left, _span: self.span.as_ref().map(|span| span.enter()) }
    }

    /// The id that the answer says.
    #[inline]
    pub(super) fn request_id(&self) -> Option<&HeaderValue> {
        self.ids.as_ref()?.request_id.as_ref()
    }
}

/// Changes places with what is current on this thread, unless that ends.
#[inline]
fn trade(ids: &mut Option<Ids>) -> Option<&mut Option<Ids>> {
    let traded = CURRENT.try_with(|current| {
        let current = &mut *current.borrow_mut();
        // One of them is empty as a rule: then there is half as much to move.
        match (&current, &ids) {
            (None, _) => fill(current, ids.take()),
            (_, None) => fill(ids, current.take()),
            _ => mem::swap(current, ids),
        }
    });
    traded.is_ok().then_some(ids)
}

/// Puts something where there is nothing.
#[inline(always)]
#[expect(clippy::mem_forget, reason = "nothing is what is forgotten")]
fn fill(empty: &mut Option<Ids>, ids: Option<Ids>) {
    debug_assert!(empty.is_none(), "what was there would never be dropped");
    // An assignment would look for what to drop, with the new value on the stack meanwhile.
    mem::forget(mem::replace(empty, ids));
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        match &mut self.left {
            Left::Nothing => {}
            Left::Known(own) => {
                trade(own);
            }
            Left::Open(own, outer) => {
                if OPEN.replace(*outer).is_none() {
                    // Somebody has asked: what began belongs to this request.
                    trade(own);
                }
            }
        }
    }
}
