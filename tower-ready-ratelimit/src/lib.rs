//! Rate limiting.

mod after;
mod answer;
mod body;
mod builder;
mod cell;
mod decide;
mod decision;
mod error;
mod event;
mod fields;
mod future;
mod gcra;
mod hash;
mod head;
pub mod key;
mod layer;
mod limiter;
mod penalty;
mod permits;
mod plan;
mod policy;
mod quota;
mod rule;
mod service;
mod stats;
pub mod store;
mod sync;

pub use self::{
    answer::{Answer, Usage},
    body::RateLimitBody,
    builder::RateLimiterBuilder,
    decision::{Decision, Standing},
    error::{ConfigError, ConfigErrorKind, QuotaError},
    event::{Event, OnRateLimit, Reason},
    fields::Fields,
    future::RateLimitFuture,
    gcra::Level,
    hash::{KeyHash, KeyTag, Secret},
    head::Head,
    layer::RateLimitLayer,
    limiter::{Bucket, RateLimiter},
    penalty::Penalty,
    plan::{CachedPlans, Fetch, Planned, Plans},
    policy::{Missing, Policy, Settle},
    quota::Quota,
    service::RateLimitService,
    stats::Stats,
    store::MemoryStore,
};
