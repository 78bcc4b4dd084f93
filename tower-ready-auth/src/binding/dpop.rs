use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderName, Uri};
use tower_ready_core::Head;

use super::{ReplayList, ReplayStore};
use crate::{
    ConfigError, ConfigErrorKind, Lookup, Reason, StoreError, TokenError,
    digest::sha256,
    jwt::{
        Algorithm, Key, base64url,
        compact::{Compact, Room},
        json::{Json, Object},
        jwk,
    },
    time::{Clock, Millis},
};

/// The header of a proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Tokens that are good only with a proof of the key that they were issued for (RFC 9449), so that
/// one that leaks from a log is of no use. A cheap handle.
///
/// A proof is a JWT that the client makes for each request: of a key that the token names, for this
/// method and URL, for this token, of this minute, and never seen before. A token that is bound to a
/// key and comes without proof is refused, whatever is set here.
///
/// ```
/// use tower_ready_auth::Dpop;
///
/// // Clients sign the URL that they know, which may not be the one that arrives here.
/// let dpop = Dpop::builder("https://api.example.com").required(true).build()?;
/// # Ok::<(), tower_ready_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Dpop(Arc<Inner>);

/// Sets up a [`Dpop`].
#[must_use = "a builder does nothing until `build`"]
pub struct DpopBuilder {
    origin: String,
    required: bool,
    window: Duration,
    replays: Arc<dyn ReplayStore>,
    clock: Clock,
}

struct Inner {
    origin: Origin,
    required: bool,
    window: Duration,
    replays: Arc<dyn ReplayStore>,
    clock: Clock,
}

/// A proof that holds by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The thumbprint of its key (RFC 7638).
    pub(crate) key: [u8; 32],
    /// What tells it from all others of this key.
    id: [u8; 32],
}

/// Clocks of clients are what they are.
const LEEWAY: Duration = Duration::from_secs(30);

const MAX_PROOF: usize = 4 * 1_024;

const MAX_ID: usize = 256;

impl Dpop {
    /// The origin that clients call, such as `https://api.example.com`.
    pub fn builder(origin: &str) -> DpopBuilder {
        DpopBuilder {
            origin: origin.to_owned(),
            required: false,
            window: Duration::from_secs(60),
            replays: Arc::new(ReplayList::new()),
            clock: Clock::default(),
        }
    }

    pub(crate) fn is_required(&self) -> bool {
        self.0.required
    }

    /// The proof of a request for a token: everything but whether it came before (§4.3).
    pub(crate) fn proof(&self, head: &Head<'_>, token: &[u8]) -> Result<Proof, TokenError> {
        let bad = || TokenError::from(Reason::BadProof);
        let mut proofs = head.headers().get_all(DPOP).iter();
        let (Some(proof), None) = (proofs.next(), proofs.next()) else {
            return Err(bad());
        };
        let compact = Compact::split(proof.as_bytes(), MAX_PROOF).map_err(|_| bad())?;
        let key = signer(&compact).ok_or_else(bad)?;
        let payload = compact.decode_payload().map_err(|_| bad())?;
        let claims = Object::parse(&payload).ok_or_else(bad)?;
        let id = self.id(&claims, head, token).ok_or_else(bad)?;
        let mut digest = Context::new(&SHA256);
        digest.update(&key);
        digest.update(id.as_bytes());
        let id = digest.finish().as_ref().try_into().map_err(|_| bad())?;
        Ok(Proof { key, id })
    }

    /// The `jti` of claims that are of this request, this token and this minute.
    fn id<'a>(&self, claims: &'a Object<'_>, head: &Head<'_>, token: &[u8]) -> Option<&'a str> {
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        let is_method = text("htm")? == head.method().as_str();
        let is_url = self.0.origin.is_of(text("htu")?, head.uri().path());
        let digest = base64url::decode(text("ath")?.as_bytes())?;
        let is_token = digest == sha256(token);
        let issued = match claims.get("iat")? {
            Json::Integer(seconds) => i64::try_from(*seconds).ok()?.checked_mul(1_000)?,
            Json::Float(seconds) => (seconds * 1_000.0) as i64,
            _ => return None,
        };
        let (issued, now) = (Millis(issued), self.0.clock.now());
        let is_now = issued.plus(self.0.window) > now.minus(LEEWAY) && issued <= now.plus(LEEWAY);
        let id = text("jti").filter(|id| !id.is_empty() && id.len() <= MAX_ID)?;
        (is_method && is_url && is_token && is_now).then_some(id)
    }

    /// Whether a proof comes for the first time.
    pub(crate) fn is_first(&self, proof: &Proof) -> Lookup<Result<bool, StoreError>> {
        // From one end of the window to the other.
        let kept = self.0.window + 3 * LEEWAY;
        self.0.replays.is_first(proof.id, SystemTime::now() + kept)
    }
}

/// The thumbprint of the key that a proof brings and is signed with. Here, and nowhere else, a token
/// brings its key: it proves that somebody has it, and says nothing of who that is.
fn signer(compact: &Compact<'_>) -> Option<[u8; 32]> {
    let mut room = Room::new();
    let header = Object::parse(base64url::decode_into(compact.header, &mut room.header)?)?;
    for (name, _) in header.iter() {
        if !matches!(name, "typ" | "alg" | "jwk") {
            return None;
        }
    }
    if header.get("typ")?.as_str()? != "dpop+jwt" {
        return None;
    }
    let algorithm = Algorithm::from_name(header.get("alg")?.as_str()?)?;
    let jwk = header.get("jwk")?.as_object()?;
    let key: Key = jwk::from_object(jwk).ok()?;
    let signature = base64url::decode_into(compact.signature, &mut room.signature)?;
    let is_good = !algorithm.is_symmetric()
        && !jwk::is_private(jwk)
        && key.verifies(algorithm, compact.signed, signature);
    if is_good { jwk::thumbprint(jwk) } else { None }
}

// === the origin ===

/// Scheme, host and port, as they are compared (RFC 3986 §6.2).
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default = match &*scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'))?;
        let host = authority.host().to_ascii_lowercase();
        Some(Self { scheme, host, port: authority.port_u16().unwrap_or(default) })
    }

    /// Whether a URL is of this origin and this path; query and fragment do not count (§4.2).
    fn is_of(&self, url: &str, path: &str) -> bool {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let uri = url.parse::<Uri>();
        uri.is_ok_and(|uri| Self::of(&uri).as_ref() == Some(self) && uri.path() == path)
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("origin", &self.0.origin)
            .field("required", &self.0.required)
            .finish_non_exhaustive()
    }
}

// === impl DpopBuilder ===

impl DpopBuilder {
    /// Whether every token has to be bound to a key. Default: those that are, as their issuer
    /// decides.
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// How old a proof may be. Default: a minute, and half a minute for clocks that differ.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Where proofs that came are remembered. Default: in the memory of this instance, so that
    /// another instance takes a proof a second time.
    pub fn replays(mut self, store: impl ReplayStore) -> Self {
        self.replays = Arc::new(store);
        self
    }

    /// The time of day, for tests. Default: the system's.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When the origin is no scheme and host.
    pub fn build(self) -> Result<Dpop, ConfigError> {
        let uri = self.origin.parse::<Uri>().ok().filter(|uri| uri.path() == "/");
        let origin = uri.and_then(|uri| Origin::of(&uri));
        let error = || ConfigError::new(ConfigErrorKind::Origin).about(&self.origin);
        Ok(Dpop(Arc::new(Inner {
            origin: origin.ok_or_else(error)?,
            required: self.required,
            window: self.window,
            replays: self.replays,
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for DpopBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopBuilder").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_compared_as_a_url() {
        let origin = Origin::of(&"https://api.example".parse().unwrap()).unwrap();
        for url in [
            "https://api.example/a",
            "HTTPS://API.example:443/a",
            "https://api.example/a?b=c",
            "https://api.example/a#b",
        ] {
            assert!(origin.is_of(url, "/a"), "{url}");
        }
        for url in [
            "http://api.example/a",
            "https://api.example:444/a",
            "https://api.example/A",
            "https://api.example/a/",
            "https://api.example",
            "https://api.example@evil.example/a",
            "https://user@api.example/a",
            "/a",
            "",
        ] {
            assert!(!origin.is_of(url, "/a"), "{url}");
        }
    }
}
