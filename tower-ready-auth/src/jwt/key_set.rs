use std::{fmt, sync::Arc};

use super::{
    Algorithm, Key, KeyError,
    json::{Json, Object},
    jwk,
};
use crate::{ConfigError, ConfigErrorKind};

/// The keys of one issuer. A cheap handle.
///
/// ```
/// use tower_ready_auth::KeySet;
///
/// let keys = KeySet::from_jwks(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"RSA","use":"enc","kid":"b","n":"AQAB","e":"AQAB"}
/// ]}"#)?;
/// assert_eq!(keys.len(), 1);
/// assert_eq!(keys.skipped()[0].key_id(), Some("b"));
/// # Ok::<(), tower_ready_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

struct Inner {
    /// Counted, since a key may outlive its set.
    keys: Vec<Arc<Key>>,
    skipped: Vec<SkippedKey>,
}

/// A key of a set that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    id: Option<Box<str>>,
    error: KeyError,
}

/// More keys than this have no issuer, but a flood has.
pub(crate) const MAX_KEYS: usize = 256;

/// How many keys are tried for a token that does not name one: an issuer that rotates has two.
const MAX_TRIES: usize = 4;

// === impl KeySet ===

impl KeySet {
    /// A set of keys that were made one by one.
    ///
    /// # Errors
    ///
    /// When there is none, when there are more than 256, or when two of the same kind have one id.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, ConfigError> {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        for (n, key) in keys.iter().enumerate() {
            if is_taken(&keys[..n], key) {
                let id = key.key_id().unwrap_or_default();
                return Err(ConfigError::new(ConfigErrorKind::DuplicateKeyId).about(id));
            }
        }
        Self::checked(keys, Vec::new())
    }

    /// A JWK set (RFC 7517 §5), or a JWK by itself.
    ///
    /// A key that is weak, unknown or not for signatures is [skipped](Self::skipped).
    ///
    /// # Errors
    ///
    /// When it cannot be read, when no key is left, when there are more than 256, or when two of
    /// the same kind have one id.
    pub fn from_jwks(json: &[u8]) -> Result<Self, ConfigError> {
        let (keys, skipped) = read(json, false)?;
        let is_duplicate = |it: &&SkippedKey| it.error == KeyError::DuplicateId;
        if let Some(duplicate) = skipped.iter().find(is_duplicate) {
            let id = duplicate.key_id().unwrap_or_default();
            return Err(ConfigError::new(ConfigErrorKind::DuplicateKeyId).about(id));
        }
        Self::checked(keys, skipped)
    }

    /// A set that others publish: secrets and second keys of one id are skipped as well.
    #[cfg(feature = "jwks-http")]
    pub(crate) fn from_published(json: &[u8]) -> Result<Self, ConfigError> {
        let (keys, skipped) = read(json, true)?;
        Self::checked(keys, skipped)
    }

    fn checked(keys: Vec<Arc<Key>>, skipped: Vec<SkippedKey>) -> Result<Self, ConfigError> {
        if keys.is_empty() {
            let error = ConfigError::new(ConfigErrorKind::NoKeys);
            return Err(match skipped.first() {
                Some(skipped) => error.about(&skipped.error.to_string()),
                None => error,
            });
        }
        if keys.len() > MAX_KEYS {
            return Err(ConfigError::new(ConfigErrorKind::TooManyKeys));
        }
        Ok(Self::of(keys, skipped))
    }

    fn of(keys: Vec<Arc<Key>>, skipped: Vec<SkippedKey>) -> Self {
        Self(Arc::new(Inner { keys, skipped }))
    }

    /// How many keys it has: at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.keys.len()
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys.iter().map(|key| &**key)
    }

    /// The keys that are here and not there.
    #[cfg(feature = "jwks-http")]
    pub(crate) fn without(&self, other: &Self) -> impl Iterator<Item = &Arc<Key>> {
        self.0.keys.iter().filter(|key| !other.keys().any(|it| it.is_same(key)))
    }

    /// The same and these as well, as far as they do not take the place of another.
    #[cfg(feature = "jwks-http")]
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Arc<Key>>) -> Self {
        let mut keys = self.0.keys.clone();
        for key in more {
            if !is_taken(&keys, &key) {
                keys.push(key);
            }
        }
        Self::of(keys, self.0.skipped.clone())
    }

    /// The keys that were left out when it was read.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.0.skipped
    }

    /// The keys to try for a token, by its header: those of its id, else those without an id.
    pub(crate) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Key> {
        let is_named = move |key: &Key| id.is_none() || key.key_id() == id;
        let any_named = self.keys().any(is_named);
        self.keys()
            .filter(move |key| if any_named { is_named(key) } else { key.key_id().is_none() })
            .filter(move |key| key.allows(algorithm))
            .take(MAX_TRIES)
    }

    /// The place of the one key to try for a token, if there is just one.
    pub(crate) fn only(&self, id: Option<&str>, algorithm: Algorithm) -> Option<usize> {
        let mut candidates = self.candidates(id, algorithm);
        let (Some(only), None) = (candidates.next(), candidates.next()) else {
            return None;
        };
        self.keys().position(|key| std::ptr::eq(key, only))
    }

    /// Whether a key has this id, for whatever algorithm. Without an id, each may be meant.
    pub(crate) fn knows(&self, id: Option<&str>) -> bool {
        id.is_none() || self.keys().any(|key| key.key_id() == id)
    }

    /// Whether the very same keys are in both.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.keys().zip(other.keys()).all(|(a, b)| a.is_same(b))
    }
}

fn read(json: &[u8], published: bool) -> Result<(Vec<Arc<Key>>, Vec<SkippedKey>), ConfigError> {
    let malformed = || ConfigError::new(ConfigErrorKind::MalformedKeySet);
    let object = Object::parse(json).ok_or_else(malformed)?;
    let is_single = object.get("kty").is_some() && object.get("keys").is_none();
    let set = Json::Object(object);
    let jwks = if is_single {
        std::slice::from_ref(&set)
    } else {
        let keys = set.as_object().and_then(|set| set.get("keys"));
        keys.and_then(Json::as_array).ok_or_else(malformed)?
    };
    if jwks.len() > MAX_KEYS {
        return Err(ConfigError::new(ConfigErrorKind::TooManyKeys));
    }
    let (mut keys, mut skipped) = (Vec::new(), Vec::new());
    for jwk in jwks {
        let object = jwk.as_object();
        let read = object.ok_or(KeyError::Malformed).and_then(|jwk| {
            let key = jwk::from_object(jwk)?;
            match () {
                () if published && key.is_secret() => Err(KeyError::SecretAmongPublic),
                () if is_taken(&keys, &key) => Err(KeyError::DuplicateId),
                () => Ok(key),
            }
        });
        let id = || object?.get("kid")?.as_str().map(Box::from);
        #[cfg(feature = "tracing")]
        if published && object.is_some_and(jwk::is_private) {
            tracing::warn!(
                target: "tower_ready_auth::keys",
                key_id = id().as_deref(),
                "a published key shows its private part: replace it"
            );
        }
        match read {
            Ok(key) => keys.push(Arc::new(key)),
            Err(error) => skipped.push(SkippedKey { id: id(), error }),
        }
    }
    Ok((keys, skipped))
}

/// RFC 7517 §4.5: one id may stand for keys of different kinds, but not for two of one kind.
fn is_taken(keys: &[Arc<Key>], key: &Key) -> bool {
    let clashes =
        |other: &Key| other.key_id() == key.key_id() && key.algorithms().any(|it| other.allows(it));
    key.key_id().is_some() && keys.iter().any(|other| clashes(other))
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.0.keys)
            .field("skipped", &self.0.skipped)
            .finish()
    }
}

impl From<Key> for KeySet {
    fn from(key: Key) -> Self {
        Self::of(vec![Arc::new(key)], Vec::new())
    }
}

// === impl SkippedKey ===

impl SkippedKey {
    /// Its id, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Why it is not used.
    #[must_use]
    pub const fn error(&self) -> KeyError {
        self.error
    }
}
