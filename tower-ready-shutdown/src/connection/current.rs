//! The connection whose request a thread works on.
//!
//! A layer does not see the connection that a request came on, and not every host has a place for
//! it in the request. So whoever serves a connection says so while it polls, and the layer asks.

use std::{cell::Cell, mem, sync::Arc};

use super::{Boarded, Connection};

/// A connection, and whether a layer has counted the request that is polled.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) connection: Arc<Connection>,
    pub(super) counted: bool,
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// Takes a request that a layer counts on board of its connection, if that is known.
#[inline]
pub(crate) fn board() -> Option<Boarded> {
    CURRENT.with(|cell| {
        let mut current = cell.take()?;
        current.counted = true;
        let boarded = Connection::board(&current.connection);
        cell.set(Some(current));
        Some(boarded)
    })
}

/// Says on which connection a thread is while `poll` runs.
#[inline]
pub(super) fn on<T>(current: &mut Option<Current>, poll: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(current.take());
    let _back = Back { current, outer };
    poll()
}

struct Back<'a> {
    current: &'a mut Option<Current>,
    outer: Option<Current>,
}

/// Also when it panics.
impl Drop for Back<'_> {
    fn drop(&mut self) {
        *self.current = CURRENT.replace(mem::take(&mut self.outer));
    }
}
