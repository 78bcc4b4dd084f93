//! The settings of a server: each a flag and an environment variable.
//!
//! Only what works is accepted: a flag that a server took and then ignored would be a promise that
//! nobody keeps. Variables are asked for by name, and others are nobody's business: an orchestrator
//! makes some of its own from the names of its services, such as `TOWER_READY_PORT`.

mod duration;
mod quota;
mod refusal;
mod source;

use std::{net::SocketAddr, time::Duration};

use tower_ready_ratelimit::{Quota, key::Cidr};

pub(crate) use self::{
    refusal::Refusal,
    source::{Flag, Source},
};
use crate::log::Format;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) stack: StackFlags,
    pub(crate) log: Format,
}

/// What the layers are told.
#[derive(Clone, Debug)]
pub(crate) struct StackFlags {
    pub(crate) ip_quota: Quota,
    pub(crate) trust_proxy: Vec<String>,
    pub(crate) trust_header: TrustHeader,
    pub(crate) timeout: Duration,
    pub(crate) max_in_flight: usize,
}

/// The only header that a trusted proxy is believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustHeader {
    XForwardedFor,
    Forwarded,
}

impl Flags {
    /// Takes every flag of a server that listens here by default.
    pub(crate) fn take(source: &mut Source, listen: &'static str) -> Result<Self, Refusal> {
        let listen = Flag {
            name: "listen",
            value: "ADDR:PORT",
            default: Some(listen),
            meaning: "the serving socket; port 0 picks a free one",
        };
        let admin = Flag {
            name: "admin",
            value: "ADDR:PORT",
            default: None,
            meaning: "a second socket, for operators: /problems, POST /drain",
        };
        let log = Flag {
            name: "log",
            value: "text|json",
            default: Some("text"),
            meaning: "the form of the lines on stderr",
        };
        Ok(Self {
            listen: source.take(&listen, address)?,
            admin: source.take_optional(&admin, address)?,
            stack: StackFlags::take(source)?,
            log: source.take(&log, format)?,
        })
    }
}

impl StackFlags {
    fn take(source: &mut Source) -> Result<Self, Refusal> {
        let ip_quota = Flag {
            name: "ip-quota",
            value: "N/DURATION[;burst=B]",
            default: Some("200/1s"),
            meaning: "what one client address may ask",
        };
        let trust_proxy = Flag {
            name: "trust-proxy",
            value: "CIDR[,CIDR…]",
            default: None,
            meaning: "the proxies whose forwarding header is believed",
        };
        let trust_header = Flag {
            name: "trust-header",
            value: "x-forwarded-for|forwarded",
            default: Some("x-forwarded-for"),
            meaning: "the only forwarding header that is read",
        };
        let timeout = Flag {
            name: "timeout",
            value: "DURATION",
            default: Some("10s"),
            meaning: "how long a request may take, and the most that a caller may ask for",
        };
        let max_in_flight = Flag {
            name: "max-in-flight",
            value: "N",
            default: Some("512"),
            meaning: "how many requests are served at a time, to the ends of their bodies",
        };
        Ok(Self {
            ip_quota: source.take(&ip_quota, quota::quota)?,
            trust_proxy: source.take_optional(&trust_proxy, ranges)?.unwrap_or_default(),
            trust_header: source.take(&trust_header, header)?,
            timeout: source.take(&timeout, period)?,
            max_in_flight: source.take(&max_in_flight, count)?,
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address: write one such as 127.0.0.1:3000 or [::1]:0"))
}

fn period(text: &str) -> Result<Duration, String> {
    duration::duration(text).filter(|period| !period.is_zero()).ok_or_else(|| {
        format!("{text:?} is no time: write digits and ms, s, m, h or d, such as 10s")
    })
}

fn count(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| format!("{text:?} is no number: write one such as 512"))
}

fn ranges(text: &str) -> Result<Vec<String>, String> {
    let range = |range: &str| match range.trim().parse::<Cidr>() {
        Ok(range) => Ok(range.to_string()),
        Err(error) => Err(error.to_string()),
    };
    text.split(',').map(range).collect()
}

fn header(text: &str) -> Result<TrustHeader, String> {
    match text {
        "x-forwarded-for" => Ok(TrustHeader::XForwardedFor),
        "forwarded" => Ok(TrustHeader::Forwarded),
        _ => Err(format!("{text:?} is no such header: write x-forwarded-for or forwarded")),
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(format!("{text:?} is no format: write text or json")),
    }
}
