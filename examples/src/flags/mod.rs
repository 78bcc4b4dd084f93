//! The settings of a server: each a flag and an environment variable.
//!
//! Only what works is accepted: a flag that a server took and then ignored would be a promise that
//! nobody keeps. Variables are asked for by name, and others are nobody's business: an orchestrator
//! makes some of its own from the names of its services, such as `TOWER_READY_PORT`.

mod duration;
mod known;
mod quota;
mod refusal;
mod source;
mod stack;
mod value;

use std::{net::SocketAddr, time::Duration};

use http::Uri;

pub(crate) use self::{
    duration::duration,
    refusal::Refusal,
    source::{Flag, Source},
    stack::{AuthFlags, CorsFlags, LimitFlags, Origins, StackFlags, TrustHeader, UpstreamFlags},
};
use crate::telemetry::Format;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) stack: StackFlags,
    pub(crate) lame_duck: Duration,
    pub(crate) drain: Duration,
    pub(crate) otlp: Option<Uri>,
    pub(crate) log: Format,
}

impl Flags {
    /// Takes every flag of a server that listens here by default.
    pub(crate) fn take(source: &mut Source, listen: &'static str) -> Result<Self, Refusal> {
        Ok(Self {
            listen: source.take(&known::listen(listen), value::address)?,
            admin: source.take_optional(&known::ADMIN, value::address)?,
            stack: StackFlags::take(source)?,
            lame_duck: source.take(&known::LAME_DUCK, value::time)?,
            drain: source.take(&known::DRAIN, value::time)?,
            otlp: source.take_optional(&known::OTLP, value::base)?,
            log: source.take(&known::LOG, value::format)?,
        })
    }
}
