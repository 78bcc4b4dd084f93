use std::{any::Any, fmt, sync::Arc};

use arc_swap::{ArcSwapOption, Guard};

use super::{
    Algorithm, JwtVerifierBuilder, Key, KeySource, TokenError,
    algorithm::Algorithms,
    base64url,
    cache::{Cache, Checked},
    claims::Rules,
    compact::{self, Compact},
    header::Header,
    json::Object,
    source::Snapshot,
    verify::Signed,
};
use crate::{
    Lookup, Principal, Reason,
    time::{Clock, Millis},
};

/// Checks the tokens of an issuer. A cheap handle: clones are one verifier, with one cache.
///
/// ```
/// use tower_ready_auth::{Algorithm, JwtVerifier, Key, Reason};
///
/// let verifier = JwtVerifier::builder()
///     .issuer("https://issuer.example")
///     .audience("orders")
///     .keys(Key::secret(Algorithm::HS256, &[7; 32])?)
///     .build()?;
///
/// let error = verifier.verify(b"no token").unwrap_err();
/// assert_eq!(error.reason(), Reason::MalformedToken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JwtVerifier(Arc<Inner>);

/// Reads claims as the type that a service wants, or none if they do not fit.
pub(super) type ReadClaims = fn(&[u8]) -> Option<Arc<dyn Any + Send + Sync>>;

pub(super) struct Inner {
    pub(super) source: KeySource,
    pub(super) algorithms: Algorithms,
    pub(super) rules: Rules,
    pub(super) id_tokens_are_refused: bool,
    pub(super) max_len: usize,
    pub(super) cache: Option<Cache>,
    pub(super) read_claims: Option<ReadClaims>,
    pub(super) clock: Clock,
    pub(super) memo: ArcSwapOption<Memo>,
}

/// The header of a token that was good. Those of one issuer are alike, letter for letter, so the
/// next one need not be read again.
pub(super) struct Memo {
    header: Box<[u8]>,
    generation: u64,
    algorithm: Algorithm,
    /// The place in the set of the one key that such a header means.
    key: usize,
    is_access_token: bool,
}

// === impl JwtVerifier ===

impl JwtVerifier {
    /// Starts from the defaults.
    pub fn builder() -> JwtVerifierBuilder {
        JwtVerifierBuilder::new()
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Checks a token with the keys at hand.
    ///
    /// It says nothing of revocation, and does not fetch a key that is missing: both are the part of
    /// [`Auth`](crate::Auth).
    ///
    /// # Errors
    ///
    /// The first rule that the token breaks.
    pub fn verify(&self, token: &[u8]) -> Result<Principal, TokenError> {
        let compact = Compact::split(token, self.0.max_len)?;
        self.0.verify(&self.0.source.load(), token, &compact)
    }

    /// The same, after new keys have been fetched if the token needs them.
    pub(crate) fn verify_or_fetch(&self, token: &[u8]) -> Lookup<Result<Principal, TokenError>> {
        // Shape first: for what is no token at all, nobody looks at keys, clocks and digests.
        let compact = match Compact::split(token, self.0.max_len) {
            Ok(compact) => compact,
            Err(error) => return Lookup::Ready(Err(error)),
        };
        let snapshot = self.0.source.load();
        let result = self.0.verify(&snapshot, token, &compact);
        #[cfg(feature = "jwks-http")]
        if let (Err(error), Some(url)) = (&result, self.0.source.url())
            && matches!(
                error.reason(),
                // A key that is new, and an old one under whose id there is a new one.
                Reason::UnknownKey | Reason::BadSignature | Reason::KeysUnavailable
            )
            && let Some(fetching) = url.fetch_for(snapshot.as_ref().map(|it| it.generation))
        {
            let (verifier, token) = (self.clone(), token.to_vec());
            return Lookup::later(async move {
                fetching.await;
                verifier.verify(&token)
            });
        }
        Lookup::Ready(result)
    }

    /// Where its keys come from, to ask how it stands with them.
    #[must_use]
    pub fn keys(&self) -> &KeySource {
        &self.0.source
    }

    /// How many checked tokens it remembers.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.0.cache.as_ref().map_or(0, Cache::len)
    }

    pub(crate) fn issuers(&self) -> &[Arc<str>] {
        &self.0.rules.issuers
    }
}

// === impl Inner ===

impl Inner {
    fn verify(
        &self,
        snapshot: &Guard<Option<Arc<Snapshot>>>,
        token: &[u8],
        compact: &Compact<'_>,
    ) -> Result<Principal, TokenError> {
        let snapshot = snapshot.as_deref().ok_or(Reason::KeysUnavailable)?;
        let now = self.clock.now();
        let Some(cache) = &self.cache else {
            return Ok(self.check(snapshot, compact, now)?.principal);
        };
        let key = Cache::key(token);
        if let Some(checked) = cache.get(&key, snapshot.generation, now) {
            self.rules.check_times(&checked.window, now)?;
            return Ok(checked.principal);
        }
        let checked = self.check(snapshot, compact, now)?;
        let principal = checked.principal.clone();
        cache.insert(key, checked);
        Ok(principal)
    }

    fn check(
        &self,
        snapshot: &Snapshot,
        compact: &Compact<'_>,
        now: Millis,
    ) -> Result<Checked, TokenError> {
        let (key, is_access_token) = self.check_signature(snapshot, compact)?;
        let payload = compact.decode_payload()?;
        let claims = Object::parse(&payload).ok_or(Reason::MalformedToken)?;
        let (mut principal, window) = self.rules.check(&claims, now)?;
        if self.id_tokens_are_refused && self.rules.kind.is_stray_id_token(&claims, is_access_token)
        {
            return Err(Reason::WrongType.into());
        }
        drop(claims);
        if let Some(read) = self.read_claims {
            principal.typed = Some(read(&payload).ok_or(Reason::ClaimsMismatch)?);
        }
        // The id that the set gives the key; a header may hold any for a key without one.
        principal.key_id = key.shared_id();
        principal.payload = payload;
        Ok(Checked {
            principal: Principal::new(principal),
            window,
            generation: snapshot.generation,
            at: now,
        })
    }

    /// The key that made the signature, and whether the header says that this is an access token.
    fn check_signature<'k>(
        &self,
        snapshot: &'k Snapshot,
        compact: &Compact<'_>,
    ) -> Result<(&'k Key, bool), TokenError> {
        let mut room = [0; compact::SIGNATURE_ROOM];
        let signature = &*compact.decode_signature(&mut room)?;
        let memo = self.memo.load();
        let memo = memo.as_ref().filter(|memo| memo.generation == snapshot.generation);
        let Some(known) = memo.filter(|memo| *memo.header == *compact.header) else {
            return self.read_header(snapshot, compact, signature, memo.is_none());
        };
        let key = snapshot.keys.keys().nth(known.key).ok_or(Reason::UnknownKey)?;
        if !key.verifies(known.algorithm, compact.signed, signature) {
            return Err(Reason::BadSignature.into());
        }
        Ok((key, known.is_access_token))
    }

    /// The same by what the header says, which is kept in mind if there is room.
    fn read_header<'k>(
        &self,
        snapshot: &'k Snapshot,
        compact: &Compact<'_>,
        signature: &[u8],
        has_room: bool,
    ) -> Result<(&'k Key, bool), TokenError> {
        let mut room = compact::header_room();
        let header = base64url::decode_into(compact.header, &mut room);
        let header = Header::parse(header.ok_or(Reason::MalformedToken)?)?;
        let is_access_token = self.rules.kind.check_header(&header)?;
        let signed = Signed {
            algorithm: header.algorithm,
            key_id: header.key_id.as_deref(),
            signed: compact.signed,
            signature,
        };
        let key = signed.verify(&snapshot.keys, self.algorithms)?;
        if has_room && let Some(place) = snapshot.keys.only(signed.key_id, signed.algorithm) {
            self.memo.store(Some(Arc::new(Memo {
                header: compact.header.into(),
                generation: snapshot.generation,
                algorithm: header.algorithm,
                key: place,
                is_access_token,
            })));
        }
        Ok((key, is_access_token))
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("rules", &self.0.rules)
            .field("keys", &self.0.source)
            .field("cache", &self.0.cache)
            .finish_non_exhaustive()
    }
}
