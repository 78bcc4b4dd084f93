//! A circuit breaker that is right to the end of the body.

mod body;
mod breaker;
mod builder;
mod circuit;
mod classify;
mod error;
mod event;
mod future;
mod guard;
mod hint;
mod keyed;
mod layer;
mod permit;
mod policy;
mod rejection;
mod run;
mod service;
mod snapshot;
mod sync;
mod trip;

pub use self::{
    body::BreakerBody,
    breaker::Breaker,
    builder::BreakerBuilder,
    circuit::{Backoff, Counts, Reason},
    classify::{Answer, Classify},
    error::{BreakerError, ConfigError, ConfigErrorKind},
    event::{Change, Event, OnBreaker},
    future::BreakerFuture,
    keyed::{KeyedBreaker, KeyedBreakerLayer, KeyedBreakerService, by_authority, by_route},
    layer::BreakerLayer,
    permit::Permit,
    rejection::{CIRCUIT_OPEN, Fallback, Rejected, RejectedKind},
    run::Run,
    service::BreakerService,
    snapshot::{Snapshot, State},
    trip::{Sample, Trip, TripPolicy},
};
