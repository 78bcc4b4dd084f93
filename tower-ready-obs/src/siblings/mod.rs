//! What our other crates tell, as counters and gauges.

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "breaker")]
mod breaker;
#[cfg(feature = "deadline")]
mod deadline;
mod events;
#[cfg(feature = "ratelimit")]
mod ratelimit;
#[cfg(feature = "shed")]
mod shed;
#[cfg(feature = "shutdown")]
mod shutdown;

pub use self::events::Events;
