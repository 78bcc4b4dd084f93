//! Ready-made checks, as constructors of [`Check`](super::Check).

#[cfg(feature = "disk")]
mod disk;
mod event_loop;
mod http;
#[cfg(feature = "redis")]
mod redis;
mod target;
mod tcp;
