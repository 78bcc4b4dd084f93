use std::{path::PathBuf, time::Duration};

use http::{HeaderValue, Uri};
use tower_ready_obs::Edge;
use tower_ready_ratelimit::{OnStoreError, Quota};

use super::{Refusal, Source, known, quota, value};

/// What the layers are told.
#[derive(Clone, Debug)]
pub(crate) struct StackFlags {
    pub(crate) auth: AuthFlags,
    pub(crate) limits: LimitFlags,
    pub(crate) upstream: UpstreamFlags,
    pub(crate) cors: CorsFlags,
    pub(crate) edge: Edge,
    pub(crate) timeout: Duration,
    pub(crate) max_in_flight: usize,
}

/// Who may call.
#[derive(Clone, Debug)]
pub(crate) struct AuthFlags {
    pub(crate) jwks: Option<String>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) revocations: Option<PathBuf>,
    pub(crate) api_keys: Option<PathBuf>,
    pub(crate) failures: (u32, Duration),
}

/// How much callers may ask.
#[derive(Clone, Debug)]
pub(crate) struct LimitFlags {
    pub(crate) quota: Quota,
    pub(crate) ip_quota: Quota,
    pub(crate) trust_proxy: Vec<String>,
    pub(crate) trust_header: TrustHeader,
    /// All that follows says something only with this.
    pub(crate) redis: Option<String>,
    pub(crate) redis_timeout: Duration,
    pub(crate) leased: bool,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) instances: Option<u64>,
}

/// Whom the service calls.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamFlags {
    pub(crate) base: Option<Uri>,
    pub(crate) timeout: Duration,
    pub(crate) breaker_open: Duration,
}

/// Whose pages a browser lets in, beside our own.
#[derive(Clone, Debug)]
pub(crate) struct CorsFlags {
    pub(crate) origins: Option<Origins>,
    /// Whether they come with cookies and client certificates.
    pub(crate) credentials: bool,
}

/// Where pages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

/// The only header that a trusted proxy is believed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustHeader {
    XForwardedFor,
    Forwarded,
}

impl StackFlags {
    pub(crate) fn take(source: &mut Source) -> Result<Self, Refusal> {
        Ok(Self {
            auth: AuthFlags {
                jwks: source.take_optional(&known::JWKS, value::word)?,
                issuer: source.take(&known::ISSUER, value::word)?,
                audience: source.take(&known::AUDIENCE, value::word)?,
                revocations: source.take_optional(&known::REVOCATIONS, value::path)?,
                api_keys: source.take_optional(&known::API_KEYS, value::path)?,
                failures: source.take(&known::AUTH_FAILURES, value::failures)?,
            },
            limits: LimitFlags {
                quota: source.take(&known::QUOTA, quota::quota)?,
                ip_quota: source.take(&known::IP_QUOTA, quota::quota)?,
                trust_proxy: source
                    .take_optional(&known::TRUST_PROXY, value::ranges)?
                    .unwrap_or_default(),
                trust_header: source.take(&known::TRUST_HEADER, value::header)?,
                redis: source.take_optional(&known::REDIS, value::redis)?,
                redis_timeout: source.take(&known::REDIS_TIMEOUT, value::redis_timeout)?,
                leased: source.take(&known::LIMIT_MODE, value::leased)?,
                on_store_error: source.take(&known::ON_STORE_ERROR, value::on_store_error)?,
                instances: source.take_optional(&known::INSTANCES, value::instances)?,
            },
            upstream: UpstreamFlags {
                base: source.take_optional(&known::UPSTREAM, value::base)?,
                timeout: source.take(&known::UPSTREAM_TIMEOUT, value::period)?,
                breaker_open: source.take(&known::BREAKER_OPEN, value::period)?,
            },
            cors: CorsFlags::take(source)?,
            edge: source.take(&known::EDGE, value::edge)?,
            timeout: source.take(&known::TIMEOUT, value::period)?,
            max_in_flight: source.take(&known::MAX_IN_FLIGHT, value::count)?,
        })
    }
}

impl CorsFlags {
    fn take(source: &mut Source) -> Result<Self, Refusal> {
        let origins = source.take_optional(&known::CORS_ORIGINS, value::origins)?;
        let credentials = source.take(&known::CORS_CREDENTIALS, value::yes)?;
        if credentials && origins == Some(Origins::Any) {
            let reason = "is * with --cors-credentials yes: any page could act for whoever opens \
                          it: name the origins";
            return Err(Refusal::new("--cors-origins", reason));
        }
        Ok(Self { origins, credentials })
    }
}
