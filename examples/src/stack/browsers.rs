//! What browsers are told, by layers of tower-http.

use http::{
    HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
        RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    },
};
use tower::util::{Either, option_layer};
use tower_http::{
    cors::{AllowOrigin, Any, CorsLayer},
    set_header::SetResponseHeaderLayer,
};
use tower_layer::Identity;

use std::time::Duration;

use crate::flags::{CorsFlags, Origins};

/// No page of ours runs or loads anything, or is shown inside of another; those of `/problems` have
/// their style within.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

type Header = SetResponseHeaderLayer<HeaderValue>;

/// What every answer says to browsers.
pub(crate) type SecurityHeaders = (Header, Header, Header);

/// Whose pages may read the answers, if anybody else's.
pub(crate) type Cors = Either<CorsLayer, Identity>;

/// Whether a browser comes over TLS alone (`Strict-Transport-Security`) is for the proxy to say that
/// has the certificate.
pub(super) fn security_headers() -> SecurityHeaders {
    let header = SetResponseHeaderLayer::if_not_present;
    (
        header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        header(CONTENT_SECURITY_POLICY, POLICY),
        header(REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    )
}

/// Where nobody else's page is let in, a preflight is a request as any other: there is no layer that
/// answers it.
pub(super) fn cors(flags: &CorsFlags) -> Cors {
    option_layer(flags.origins.as_ref().map(|origins| allow(origins, flags.credentials)))
}

/// What a page of these may send, and read of the answer.
fn allow(origins: &Origins, credentials: bool) -> CorsLayer {
    let ours = |name| HeaderName::from_static(name);
    let cors = match origins {
        // Never with credentials, which the flags see to: then each page that somebody opens could
        // act for them.
        Origins::Any => CorsLayer::new().allow_origin(Any),
        Origins::These(origins) => {
            let these = AllowOrigin::list(origins.iter().cloned());
            CorsLayer::new().allow_origin(these).allow_credentials(credentials)
        }
    };
    cors.allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            ours("traceparent"),
            ours("tracestate"),
            ours("x-api-key"),
            ours("x-request-id"),
            ours("x-request-timeout-ms"),
        ])
        .expose_headers([
            LOCATION,
            RETRY_AFTER,
            ours("ratelimit"),
            ours("ratelimit-policy"),
            ours("x-request-id"),
        ])
        .max_age(Duration::from_secs(60 * 60))
}
