mod build;
mod sources;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderName;
use tower_ready_core::Head;

#[cfg(feature = "jwks-http")]
use crate::Introspection;
use crate::{
    ApiKeys, ClientCertificate, Dpop, JwtVerifier, OnAuth, Principal, Revocation,
    auth::{Certificate, Source},
    credentials::X_API_KEY,
    forward::Forward,
};

/// Sets up an [`Auth`](crate::Auth). It needs one scheme at least; the rest has defaults.
///
/// ```
/// use std::time::Duration;
/// use tower_ready_auth::{Algorithm, ApiKeys, Auth, JwtVerifier, Key, RevocationList};
///
/// # let key = Key::secret(Algorithm::HS256, &[7; 32])?;
/// let tokens = JwtVerifier::builder()
///     .issuer("https://issuer.example")
///     .audience("orders")
///     .keys(key)
///     .build()?;
/// let revoked = RevocationList::new();
/// let auth = Auth::builder()
///     .jwt(tokens)
///     .api_keys(ApiKeys::builder("acme", "live").build()?)
///     .revocation(revoked.clone()) // keep a handle, to revoke with
///     .throttle(60, Duration::from_secs(60))
///     .open(["/livez", "/readyz"])
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct AuthBuilder {
    verifiers: Vec<JwtVerifier>,
    #[cfg(feature = "jwks-http")]
    introspection: Option<Introspection>,
    api_keys: Option<ApiKeys>,
    key_header: HeaderName,
    optional: bool,
    open: Vec<Box<str>>,
    preflight: bool,
    remove: bool,
    revocation: Option<Arc<dyn Revocation>>,
    fail_open: bool,
    throttle: Option<(u32, Duration)>,
    sources: Vec<Source>,
    observer: Option<Box<dyn OnAuth>>,
    realm: Option<Box<str>>,
    resource_metadata: Option<Box<str>>,
    forward: Vec<Forward>,
    dpop: Option<Dpop>,
    certificates: Vec<Certificate>,
}

impl AuthBuilder {
    pub(crate) fn new() -> Self {
        Self {
            verifiers: Vec::new(),
            #[cfg(feature = "jwks-http")]
            introspection: None,
            api_keys: None,
            key_header: X_API_KEY,
            optional: false,
            open: Vec::new(),
            preflight: false,
            remove: false,
            revocation: None,
            fail_open: false,
            throttle: Some((60, Duration::from_secs(60))),
            sources: Vec::new(),
            observer: None,
            realm: None,
            resource_metadata: None,
            forward: Vec::new(),
            dpop: None,
            certificates: Vec::new(),
        }
        .usual_sources()
    }

    /// Takes the tokens that this verifier finds good. Several verifiers are for several issuers.
    /// Default: none.
    pub fn jwt(mut self, verifier: JwtVerifier) -> Self {
        self.verifiers.push(verifier);
        self
    }

    /// Takes the tokens that this issuer says are good. Where there are verifiers as well, whatever
    /// has the form of a JWT is theirs. Default: none.
    #[cfg(feature = "jwks-http")]
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Takes these API keys, as `x-api-key: KEY`, `Authorization: ApiKey KEY`, or
    /// `Authorization: Bearer KEY`. Default: none.
    pub fn api_keys(mut self, keys: ApiKeys) -> Self {
        self.api_keys = Some(keys);
        self
    }

    /// Takes tokens that are bound to a key of the client, as `Authorization: DPoP TOKEN` with a proof
    /// in the header `DPoP`. Default: such tokens are refused.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Another place where the certificate of the client may be, for tokens that are bound to it.
    /// Default: a [`ClientCertificate`] in the extensions of the request.
    pub fn client_certificate(
        mut self,
        certificate: impl Fn(&Head<'_>) -> Option<ClientCertificate> + Send + Sync + 'static,
    ) -> Self {
        self.certificates.push(Box::new(certificate));
        self
    }

    /// The header for API keys, besides `Authorization`. Default: `x-api-key`.
    pub fn key_header(mut self, name: HeaderName) -> Self {
        self.key_header = name;
        self
    }

    /// Whether a request without credentials passes, as nobody. One with bad credentials never
    /// does. Default: it does not pass.
    pub fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }

    /// Paths that are asked for nothing, compared exactly. Default: none.
    pub fn open<T: Into<Box<str>>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.open.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Whether preflight requests of CORS pass, which never have credentials. Default: no, since
    /// the layer for CORS stands outside of this one and answers them.
    pub fn pass_preflight(mut self, pass: bool) -> Self {
        self.preflight = pass;
        self
    }

    /// Whether credentials are taken out of the request before it goes on. Default: no; they are
    /// marked as sensitive.
    pub fn remove_credentials(mut self, remove: bool) -> Self {
        self.remove = remove;
        self
    }

    /// Tells who calls in a header of the request, for what stands behind this service. What callers
    /// put there themselves is taken out of every request, also of one that passes as nobody.
    /// Default: none.
    ///
    /// ```
    /// # use http::HeaderName;
    /// # use tower_ready_auth::{ApiKeys, Auth};
    /// let auth = Auth::builder()
    ///     .api_keys(ApiKeys::builder("acme", "live").build()?)
    ///     .forward(HeaderName::from_static("x-user"), |principal| Some(principal.subject().to_owned()))
    ///     .build()?;
    /// # Ok::<(), tower_ready_auth::ConfigError>(())
    /// ```
    pub fn forward(
        mut self,
        header: HeaderName,
        value: impl Fn(&Principal) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.forward.push(Forward { header, value: Box::new(value) });
        self
    }

    /// Asks for each request whether its credentials are revoked. Tokens then need a `jti`.
    /// Default: nothing is revoked.
    pub fn revocation(mut self, revocation: impl Revocation) -> Self {
        self.revocation = Some(Arc::new(revocation));
        self
    }

    /// Whether credentials pass while nobody can say whether they are revoked; the audit hears of
    /// each that does. Default: no.
    pub fn fail_open(mut self, pass: bool) -> Self {
        self.fail_open = pass;
        self
    }

    /// How many failed authentications a caller may have in a period before it has to wait: an
    /// address, with what its credentials claim to be. An address as a whole may have ten times as
    /// many. Default: 60 in a minute.
    pub fn throttle(mut self, failures: u32, period: Duration) -> Self {
        self.throttle = Some((failures, period));
        self
    }

    /// Counts no failures.
    pub fn no_throttle(mut self) -> Self {
        self.throttle = None;
        self
    }

    /// Hears of every decision, besides the audit log. Default: nobody.
    pub fn on_event(mut self, observer: impl OnAuth) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// What the challenge calls this service (RFC 9110 §11.5). Default: nothing.
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Where the metadata of this service are, for clients that look for its issuer (RFC 9728
    /// §5.1). Default: nowhere.
    pub fn resource_metadata(mut self, url: impl Into<Box<str>>) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder")
            .field("verifiers", &self.verifiers)
            .field("api_keys", &self.api_keys)
            .finish_non_exhaustive()
    }
}
