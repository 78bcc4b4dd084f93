//! A no, as its caller may know it.

use std::{fmt::Write, time::Duration};

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use tower_ready_core::LocalRejection;
use tower_ready_problem::{Problem, types as common};

use crate::{
    Reason,
    types::{
        FORBIDDEN, INSUFFICIENT_SCOPE, INVALID_CREDENTIALS, MISSING_CREDENTIALS, STEP_UP_REQUIRED,
        TOO_MANY_FAILURES,
    },
};

/// What every challenge of a service says (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    scheme: Scheme,
    realm: Option<Box<str>>,
    resource_metadata: Option<Box<str>>,
    /// Whether tokens may be bound to a key, and whether they must.
    dpop: Option<bool>,
    /// Those of the answers that strangers get, written once.
    missing: HeaderValue,
    invalid: HeaderValue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    #[default]
    Bearer,
    ApiKey,
}

const INVALID_TOKEN: &str = "invalid_token";

const INVALID_PROOF: &str = "invalid_dpop_proof";

const USE_NONCE: &str = "use_dpop_nonce";

/// Those of proofs are all that are not shared secrets; these are what clients have.
const PROOF_ALGORITHMS: &str = "ES256 EdDSA ES384 PS256 RS256";

impl Default for Challenge {
    fn default() -> Self {
        Self::new(Scheme::default(), None, None)
    }
}

/// What a challenge says of one no.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand<'a> {
    pub(crate) error: Option<&'static str>,
    pub(crate) scope: Option<&'a str>,
    pub(crate) acr_values: Option<&'a str>,
    pub(crate) max_age: Option<Duration>,
}

impl Challenge {
    pub(crate) fn new(
        scheme: Scheme,
        realm: Option<Box<str>>,
        resource_metadata: Option<Box<str>>,
    ) -> Self {
        let empty = HeaderValue::from_static("");
        let it = Self {
            dpop: None,
            scheme,
            realm,
            resource_metadata,
            missing: empty.clone(),
            invalid: empty,
        };
        it.written()
    }

    pub(crate) fn with_dpop(mut self, dpop: Option<bool>) -> Self {
        self.dpop = dpop;
        self.written()
    }

    fn written(mut self) -> Self {
        self.missing = self.write(Demand::default());
        self.invalid = self.write(Demand { error: Some(INVALID_TOKEN), ..Demand::default() });
        self
    }

    pub(crate) fn with_metadata(self, url: Box<str>) -> Self {
        Self::new(self.scheme, self.realm, Some(url))
    }

    fn header(&self, demand: Demand<'_>) -> HeaderValue {
        match demand {
            Demand { scope: None, acr_values: None, max_age: None, error: None } => {
                self.missing.clone()
            }
            Demand { scope: None, acr_values: None, max_age: None, error: Some(INVALID_TOKEN) } => {
                self.invalid.clone()
            }
            _ => self.write(demand),
        }
    }

    fn write(&self, demand: Demand<'_>) -> HeaderValue {
        let mut text = String::with_capacity(96);
        let is_proof = matches!(demand.error, Some(INVALID_PROOF | USE_NONCE));
        let only_dpop = self.dpop == Some(true) || is_proof;
        text.push_str(match self.scheme {
            Scheme::Bearer if only_dpop => "DPoP",
            Scheme::Bearer => "Bearer",
            Scheme::ApiKey => "ApiKey",
        });
        let mut first = true;
        let mut parameter = |name: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| is_quotable(value)) {
                let between = if first { " " } else { ", " };
                first = false;
                // A String takes all that is written.
                let _ = write!(text, "{between}{name}=\"{value}\"");
            }
        };
        parameter("realm", self.realm.as_deref());
        parameter("error", demand.error);
        parameter("scope", demand.scope);
        parameter("acr_values", demand.acr_values);
        let max_age = demand.max_age.map(|age| age.as_secs().to_string());
        parameter("max_age", max_age.as_deref());
        parameter("resource_metadata", self.resource_metadata.as_deref());
        // RFC 9449 §7.1: the algorithms of proofs.
        if self.dpop.is_some() {
            if only_dpop {
                parameter("algs", Some(PROOF_ALGORITHMS));
            } else {
                let _ = write!(text, ", DPoP algs=\"{PROOF_ALGORITHMS}\"");
            }
        }
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

/// Whether a text can stand in quotes as it is (RFC 9110 §5.6.4).
pub(crate) fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// The no that a reason stands for. Who gets in nowhere learns no more than that.
#[cold]
pub(crate) fn problem(
    reason: Reason,
    challenge: &Challenge,
    demand: Demand<'_>,
    retry_after: Option<Duration>,
) -> Problem {
    let (kind, error) = match reason {
        Reason::MissingCredentials | Reason::UnknownScheme => (&MISSING_CREDENTIALS, None),
        Reason::SeveralCredentials => (&common::MALFORMED_REQUEST, Some("invalid_request")),
        Reason::Throttled => (&TOO_MANY_FAILURES, None),
        Reason::KeysUnavailable | Reason::StoreUnavailable => (&common::UNAVAILABLE, None),
        Reason::InsufficientScope => (&INSUFFICIENT_SCOPE, Some("insufficient_scope")),
        Reason::PolicyDenied => (&FORBIDDEN, None),
        Reason::StepUpRequired => (&STEP_UP_REQUIRED, Some("insufficient_user_authentication")),
        Reason::NotAuthenticated => (&common::INTERNAL, None),
        Reason::NonceRequired => (&INVALID_CREDENTIALS, Some(USE_NONCE)),
        Reason::BadProof => (&INVALID_CREDENTIALS, Some(INVALID_PROOF)),
        _ => (&INVALID_CREDENTIALS, Some(INVALID_TOKEN)),
    };
    let mut problem = Problem::new(kind).rejected_by(LocalRejection::new("auth", reason.as_str()));
    match reason {
        Reason::SeveralCredentials => {
            problem = problem.detail("send one credential, in one place");
        }
        Reason::NotAuthenticated => {
            problem = problem.internal(
                "a policy stands where no auth layer is outside of it: put AuthLayer around it",
            );
        }
        _ => {}
    }
    if let Some(scope) = demand.scope {
        problem = problem.with("scope", scope.to_owned());
    }
    if let Some(delay) = retry_after {
        problem = problem.retry_after(delay);
    }
    if reason.status() == StatusCode::UNAUTHORIZED || error.is_some() {
        let demand = Demand { error, ..demand };
        problem = problem.header(WWW_AUTHENTICATE, challenge.header(demand));
    }
    problem
}
