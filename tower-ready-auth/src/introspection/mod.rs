mod builder;
mod flights;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::Full;
use tokio::{sync::Semaphore, time::timeout};

pub use self::builder::IntrospectionBuilder;
use self::flights::Flights;
use crate::{
    CredentialKind, Lookup, Principal, Reason, StoreError, TokenError,
    digest::sha256,
    jwt::{
        cache::{Cache, Checked, Unknown},
        claims::Rules,
        json::{Json, Object},
    },
    outbound::Outbound,
    time::Clock,
};

/// Asks the issuer about tokens that only it can read (RFC 7662). A cheap handle.
///
/// What it says is remembered: that a token is good for a minute, and never beyond the end of the
/// token; that it is not for ten seconds. Requests that come with one token at a time ask once. An
/// issuer that does not answer lets nobody pass.
///
/// ```
/// use tower_ready_auth::{Auth, Introspection};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # let _entered = runtime.enter();
/// let introspection = Introspection::builder("https://issuer.example/introspect")
///     .client("orders", "its password")
///     .audience("orders")
///     .build()?;
/// let auth = Auth::builder().introspection(introspection).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Introspection(Arc<Inner>);

struct Inner {
    uri: Uri,
    credentials: HeaderValue,
    rules: Rules,
    outbound: Outbound,
    timeout: Duration,
    /// So that a flood of made-up tokens does not become a flood of calls.
    calls: Semaphore,
    flights: Flights<Result<Principal, TokenError>>,
    good: Cache,
    bad: Unknown,
    clock: Clock,
}

/// The most calls at a time.
const MAX_CALLS: usize = 64;

/// The longest token; a longer one is no token of any issuer.
const MAX_TOKEN: usize = 8 * 1_024;

// === impl Introspection ===

impl Introspection {
    /// The endpoint at this URL.
    pub fn builder(url: &str) -> IntrospectionBuilder {
        IntrospectionBuilder::new(url)
    }

    pub(crate) fn verify(&self, token: &[u8]) -> Lookup<Result<Principal, TokenError>> {
        let it = &*self.0;
        if let Err(error) = check_form(token) {
            return Lookup::Ready(Err(error));
        }
        let key = sha256(token);
        if let Some(known) = it.known(&key) {
            return Lookup::Ready(known);
        }
        let (it, body) = (Arc::clone(&self.0), form(token));
        Lookup::later(async move {
            let ask = || async {
                // Somebody may have asked since.
                match it.known(&key) {
                    Some(known) => known,
                    None => it.ask_about(key, body).await,
                }
            };
            it.flights.join(key, ask).await
        })
    }
}

impl Inner {
    /// What is remembered of a token.
    fn known(&self, key: &[u8; 32]) -> Option<Result<Principal, TokenError>> {
        let now = self.clock.now();
        if let Some(known) = self.good.get(key, 0, now) {
            let in_time = self.rules.check_times(&known.window, now);
            return Some(in_time.map(|()| known.principal));
        }
        self.bad.has(key, now).then(|| Err(Reason::NotActive.into()))
    }

    async fn ask_about(&self, key: [u8; 32], body: String) -> Result<Principal, TokenError> {
        match self.ask(body).await {
            Ok(checked) => {
                let principal = checked.principal.clone();
                self.good.insert(key, checked);
                Ok(principal)
            }
            Err(error) => {
                if error.reason() != Reason::StoreUnavailable {
                    self.bad.insert(key, self.clock.now());
                }
                Err(error)
            }
        }
    }

    async fn ask(&self, body: String) -> Result<Checked, TokenError> {
        let failed = |why: String| TokenError::from(StoreError::new(why));
        let Ok(_one) = self.calls.try_acquire() else {
            return Err(failed("the issuer is asked about too many tokens at a time".to_owned()));
        };
        let answer = timeout(self.timeout, self.call(body)).await;
        let answer = answer.map_err(|_| failed("the issuer did not answer in time".to_owned()))?;
        self.check(&answer.map_err(failed)?)
    }

    async fn call(&self, body: String) -> Result<Bytes, String> {
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(AUTHORIZATION, self.credentials.clone());
        let response = self.outbound.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the issuer answered {}", response.status()));
        }
        self.outbound.read(response.into_body()).await
    }

    /// RFC 7662 §2.2, and §4: the answer is for this service, and of use, only by what it says.
    fn check(&self, answer: &[u8]) -> Result<Checked, TokenError> {
        let claims = Object::parse(answer);
        let claims = claims.ok_or_else(|| StoreError::new("the issuer's answer is no JSON"))?;
        match claims.get("active") {
            Some(Json::Bool(true)) => {}
            Some(Json::Bool(false)) => return Err(Reason::NotActive.into()),
            _ => return Err(StoreError::new("the issuer does not say if it is good").into()),
        }
        let kinds = ["bearer", "dpop", "access_token"];
        let is_one = |kind: &str| kinds.iter().any(|it| it.eq_ignore_ascii_case(kind));
        match claims.get("token_type") {
            None => {}
            Some(kind) if kind.as_str().is_some_and(is_one) => {}
            Some(_) => return Err(Reason::WrongType.into()),
        }
        let now = self.clock.now();
        let (mut principal, window) = self.rules.check(&claims, now)?;
        principal.kind = CredentialKind::Opaque;
        principal.payload = answer.to_vec();
        Ok(Checked { principal: Principal::new(principal), window, generation: 0, at: now })
    }
}

/// RFC 6750 §2.1: what goes on to the issuer is a `b64token`.
fn check_form(token: &[u8]) -> Result<(), TokenError> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match () {
        () if token.len() > MAX_TOKEN => Err(Reason::TooLong.into()),
        () if token.iter().all(is_plain) => Ok(()),
        () => Err(Reason::MalformedToken.into()),
    }
}

fn form(token: &[u8]) -> String {
    format!("token={}&token_type_hint=access_token", encoded(token))
}

/// As forms have it, whatever stands in a text.
fn encoded(text: &[u8]) -> String {
    use fmt::Write;

    let mut out = String::with_capacity(text.len() + 16);
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            // A String takes all that is written.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("at", &self.0.uri).finish_non_exhaustive()
    }
}
