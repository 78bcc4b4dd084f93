use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use http::HeaderName;
use tower_ready_core::Head;
use tower_ready_problem::Problem;

use crate::{
    ApiKeys, AuthBuilder, AuthLayer, ClientCertificate, Dpop, JwtVerifier, Lookup, OnAuth,
    Principal, Reason, Revocation, TokenError,
    binding::{DPOP_NONCE, Shown},
    credentials::Credentials,
    each_use::Good,
    forward::Forward,
    jwt::claimed_issuer,
    rejection::{self, Challenge, Demand},
    throttle::Throttle,
};

/// Who may come in: token verifiers, API keys, and what belongs to both. A cheap handle, whose
/// clones share one throttle.
///
/// A [`JwtVerifier`] or [`ApiKeys`] by themselves become one with all defaults, so that
/// `AuthLayer::new(verifier)` is enough to begin with.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Inner>);

pub(crate) type Source = Arc<dyn Fn(&Head<'_>) -> Option<IpAddr> + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) verifiers: Vec<JwtVerifier>,
    #[cfg(feature = "jwks-http")]
    pub(crate) introspection: Option<crate::Introspection>,
    pub(crate) api_keys: Option<ApiKeys>,
    pub(crate) key_header: Option<HeaderName>,
    pub(crate) optional: bool,
    pub(crate) open: Vec<Box<str>>,
    pub(crate) preflight: bool,
    pub(crate) remove: bool,
    pub(crate) revocation: Option<Arc<dyn Revocation>>,
    pub(crate) fail_open: bool,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) sources: Vec<Source>,
    pub(crate) observer: Option<Box<dyn OnAuth>>,
    pub(crate) challenge: Challenge,
    pub(crate) forward: Vec<Forward>,
    pub(crate) dpop: Option<Dpop>,
    pub(crate) certificates: Vec<Certificate>,
}

pub(crate) type Certificate = Box<dyn Fn(&Head<'_>) -> Option<ClientCertificate> + Send + Sync>;

/// What becomes of a request.
pub(crate) enum Step {
    Pass(Option<Principal>),
    Refuse(Problem),
    Later(Lookup<Result<Good, TokenError>>),
}

impl Auth {
    /// Starts from the defaults.
    pub fn builder() -> AuthBuilder {
        AuthBuilder::new()
    }

    /// A layer that asks who calls.
    pub fn layer(&self) -> AuthLayer {
        AuthLayer::new(self.clone())
    }

    /// The first part of a decision: all of it, unless something has to be waited for.
    #[inline]
    pub(crate) fn decide(&self, head: &Head<'_>) -> Step {
        let it = &*self.0;
        if it.is_open(head) {
            return Step::Pass(None);
        }
        let credentials = match it.find(head) {
            Ok(Credentials::None) if it.optional => return Step::Pass(None),
            Ok(Credentials::None) => {
                return Step::Refuse(self.refuse(head, &Reason::MissingCredentials.into(), None));
            }
            Ok(credentials) => credentials,
            Err(reason) => return Step::Refuse(self.refuse(head, &reason.into(), None)),
        };
        if let Some(wait) = self.must_wait(head, credentials) {
            return Step::Refuse(self.refuse(head, &Reason::Throttled.into(), Some(wait)));
        }
        match self.verify(head, credentials) {
            Lookup::Ready(result) => match self.conclude(head, result) {
                Ok(principal) => Step::Pass(Some(principal)),
                Err(problem) => Step::Refuse(problem),
            },
            later => Step::Later(later),
        }
    }

    /// The last part of a decision, when all is known.
    pub(crate) fn conclude(
        &self,
        head: &Head<'_>,
        result: Result<Good, TokenError>,
    ) -> Result<Principal, Problem> {
        match result {
            Ok(good) => {
                self.note_success(head);
                self.tell_admitted(head, &good);
                Ok(good.principal)
            }
            Err(error) => Err(self.refuse(head, &error, None)),
        }
    }

    /// Verification and revocation.
    fn verify(
        &self,
        head: &Head<'_>,
        credentials: Credentials<'_>,
    ) -> Lookup<Result<Good, TokenError>> {
        let it = &*self.0;
        let mut shown = Shown::default();
        let verified = match (credentials, &it.api_keys) {
            (Credentials::Key(key), Some(keys)) => keys.verify(key, it.source(head)),
            // One layer, several schemes: what begins as our keys do is meant as one.
            (Credentials::Bearer(key), Some(keys)) if keys.is_meant(key) => {
                keys.verify(key, it.source(head))
            }
            (Credentials::Bearer(token), _) => it.verify_token(token),
            (Credentials::Bound(token), _) => match it.dpop.as_ref() {
                Some(dpop) => match dpop.proof(head, token) {
                    Ok(proof) => {
                        shown.proof = Some(proof);
                        it.verify_token(token)
                    }
                    Err(error) => Lookup::Ready(Err(error)),
                },
                None => Lookup::Ready(Err(Reason::UnknownScheme.into())),
            },
            _ => Lookup::Ready(Err(Reason::UnknownScheme.into())),
        };
        match verified {
            Lookup::Ready(Err(error)) => Lookup::Ready(Err(error)),
            Lookup::Ready(Ok(principal)) => {
                if principal.inner().bound.is_some() {
                    shown.certificate = it.certificate(head);
                }
                self.check(principal, shown)
            }
            Lookup::Later(verified) => {
                shown.certificate = it.certificate(head);
                let auth = self.clone();
                Lookup::later(async move { auth.check(verified.await?, shown).wait().await })
            }
        }
    }

    /// Counts a failure, tells of it, and answers it.
    #[cold]
    fn refuse(&self, head: &Head<'_>, error: &TokenError, wait: Option<Duration>) -> Problem {
        let it = &*self.0;
        let reason = error.reason();
        let lock = reason.is_attack().then(|| self.note_failure(head)).flatten();
        self.tell_refused(head, error, lock, wait);
        let retry = wait.or_else(|| {
            let is_ours = reason.status().is_server_error();
            is_ours.then_some(Duration::from_secs(1))
        });
        let problem = rejection::problem(reason, &it.challenge, Demand::default(), retry);
        let nonce = it.dpop.as_ref().filter(|_| reason == Reason::NonceRequired);
        match nonce.and_then(Dpop::nonce) {
            Some(nonce) => problem.header(DPOP_NONCE, nonce),
            None => problem,
        }
    }
}

impl Inner {
    /// Whether a request passes without a question: an exact path, so that no trick of spelling
    /// opens another, or a preflight of CORS, which never has credentials (Fetch §4.8).
    fn is_open(&self, head: &Head<'_>) -> bool {
        let path = head.uri().path();
        let is_preflight = || {
            head.method() == http::Method::OPTIONS
                && head.headers().contains_key(http::header::ORIGIN)
                && head.headers().contains_key(http::header::ACCESS_CONTROL_REQUEST_METHOD)
        };
        self.open.iter().any(|open| **open == *path) || self.preflight && is_preflight()
    }

    fn find<'a>(&self, head: &Head<'a>) -> Result<Credentials<'a>, Reason> {
        Credentials::of(head, self.key_header.as_ref(), self.dpop.is_some())
    }

    /// The credentials of a request, if it has any that can be found.
    pub(crate) fn credentials<'a>(&self, head: &Head<'a>) -> Credentials<'a> {
        self.find(head).unwrap_or(Credentials::None)
    }

    pub(crate) fn source(&self, head: &Head<'_>) -> Option<IpAddr> {
        self.sources.iter().find_map(|source| source(head))
    }

    fn certificate(&self, head: &Head<'_>) -> Option<[u8; 32]> {
        let found = self.certificates.iter().find_map(|certificate| certificate(head));
        let found = found.or_else(|| head.extensions().get().copied());
        found.map(ClientCertificate::digest)
    }

    /// Each issuer has keys of its own (RFC 8725 §3.8), so the issuer that a token claims decides
    /// who checks it, and who checks it decides whether it is that issuer's.
    fn verify_token(&self, token: &[u8]) -> Lookup<Result<Principal, TokenError>> {
        #[cfg(feature = "jwks-http")]
        if let Some(introspection) = &self.introspection
            && (self.verifiers.is_empty() || !crate::jwt::has_the_form(token))
        {
            return introspection.verify(token);
        }
        match &*self.verifiers {
            [] => Lookup::Ready(Err(Reason::UnknownScheme.into())),
            [only] => only.verify_or_fetch(token),
            several => {
                let issuer = match claimed_issuer(token) {
                    Ok(issuer) => issuer,
                    Err(error) => return Lookup::Ready(Err(error)),
                };
                let is_its = |verifier: &&JwtVerifier| {
                    let mut known = verifier.issuers().iter();
                    known.any(|known| Some(&**known) == issuer.as_deref())
                };
                match several.iter().find(is_its) {
                    Some(verifier) => verifier.verify_or_fetch(token),
                    None => Lookup::Ready(Err(Reason::UnknownIssuer.into())),
                }
            }
        }
    }
}

impl From<JwtVerifier> for Auth {
    fn from(verifier: JwtVerifier) -> Self {
        AuthBuilder::new().jwt(verifier).finish()
    }
}

impl From<ApiKeys> for Auth {
    fn from(keys: ApiKeys) -> Self {
        AuthBuilder::new().api_keys(keys).finish()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("verifiers", &self.0.verifiers)
            .field("api_keys", &self.0.api_keys)
            .field("optional", &self.0.optional)
            .field("open", &self.0.open)
            .field("throttle", &self.0.throttle)
            .finish_non_exhaustive()
    }
}
