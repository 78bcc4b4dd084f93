mod builder;
mod nonce;
mod origin;
mod signer;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{Context, SHA256};
use http::{HeaderName, HeaderValue};
use tower_ready_core::Head;

pub use self::builder::DpopBuilder;
use self::{nonce::Nonces, origin::Origin, signer::signer};
use super::ReplayStore;
use crate::{
    Lookup, Reason, StoreError, TokenError,
    digest::sha256,
    jwt::{
        base64url,
        compact::Compact,
        json::{Json, Object},
    },
    time::{Clock, Millis},
};

/// The header of a proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The header of a nonce for the next one.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Tokens that are good only with a proof of the key that they were issued for (RFC 9449), so that
/// one that leaks from a log is of no use. A cheap handle.
///
/// A proof is a JWT that the client makes for each request: of a key that the token names, for this
/// method and URL, for this token, of this minute, and never seen before. A token that is bound to a
/// key and comes without proof is refused, whatever is set here.
///
/// Whoever holds the key for a moment can make proofs for the hours to come, unless they need a
/// [nonce](DpopBuilder::nonces) of this service.
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

struct Inner {
    origin: Origin,
    required: bool,
    window: Duration,
    nonces: Option<Nonces>,
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
        DpopBuilder::new(origin)
    }

    pub(crate) fn is_required(&self) -> bool {
        self.0.required
    }

    /// The proof of a request for a token: everything but whether it came before (§4.3).
    pub(crate) fn proof(&self, head: &Head<'_>, token: &[u8]) -> Result<Proof, TokenError> {
        let mut proofs = head.headers().get_all(DPOP).iter();
        let (Some(proof), None) = (proofs.next(), proofs.next()) else {
            return Err(Reason::BadProof.into());
        };
        let read = self.read(proof.as_bytes(), head, token, self.0.clock.now());
        Ok(read.ok_or(Reason::BadProof)??)
    }

    /// A nonce for the next proof.
    pub(crate) fn nonce(&self) -> Option<HeaderValue> {
        let nonces = self.0.nonces.as_ref()?;
        HeaderValue::try_from(nonces.at(self.0.clock.now())).ok()
    }

    /// A proof that is of this request, this token and this minute, with the nonce that it needs.
    fn read(
        &self,
        proof: &[u8],
        head: &Head<'_>,
        token: &[u8],
        now: Millis,
    ) -> Option<Result<Proof, Reason>> {
        let compact = Compact::split(proof, MAX_PROOF).ok()?;
        let payload = compact.decode_payload().ok()?;
        let claims = Object::parse(&payload)?;
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        // Before the signature: who comes without a nonce is not counted as one who fails, and must
        // not cost what one who fails does.
        let is_known = |nonces: &Nonces| text("nonce").is_some_and(|it| nonces.has(it, now));
        if !self.0.nonces.as_ref().is_none_or(is_known) {
            return Some(Err(Reason::NonceRequired));
        }
        let key = signer(&compact)?;
        let is_method = text("htm")? == head.method().as_str();
        let is_url = self.0.origin.is_of(text("htu")?, head.uri().path());
        let is_token = base64url::decode(text("ath")?.as_bytes())? == sha256(token);
        let id = text("jti").filter(|id| !id.is_empty() && id.len() <= MAX_ID)?;
        if !is_method || !is_url || !is_token || !self.is_now(claims.get("iat")?, now)? {
            return None;
        }
        let mut digest = Context::new(&SHA256);
        digest.update(&key);
        digest.update(id.as_bytes());
        let id = digest.finish().as_ref().try_into().ok()?;
        Some(Ok(Proof { key, id }))
    }

    fn is_now(&self, issued: &Json<'_>, now: Millis) -> Option<bool> {
        let issued = match issued {
            Json::Integer(seconds) => i64::try_from(*seconds).ok()?.checked_mul(1_000)?,
            Json::Float(seconds) => (seconds * 1_000.0) as i64,
            _ => return None,
        };
        let issued = Millis(issued);
        Some(issued.plus(self.0.window) > now.minus(LEEWAY) && issued <= now.plus(LEEWAY))
    }

    /// Whether a proof comes for the first time.
    pub(crate) fn is_first(&self, proof: &Proof) -> Lookup<Result<bool, StoreError>> {
        // From one end of the window to the other.
        let kept = self.0.window + 3 * LEEWAY;
        self.0.replays.is_first(proof.id, SystemTime::now() + kept)
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
