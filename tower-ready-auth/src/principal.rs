use std::{any::Any, error::Error, fmt, sync::Arc, time::Duration};

use http::Extensions;
use serde::de::DeserializeOwned;

use crate::{binding::Bound, time::Millis};

/// Who calls, as the credentials prove: in the extensions of every request that was let in.
///
/// A cheap handle. Neither the credentials nor the claims are in its `Debug`.
///
/// ```
/// use http::Request;
/// use tower_ready_auth::Principal;
///
/// fn handler<B>(request: &Request<B>) -> String {
///     match Principal::of(request.extensions()) {
///         Some(principal) if principal.scopes().contains("orders:write") => {
///             format!("hello {}, go ahead", principal.subject())
///         }
///         Some(principal) => format!("hello {}", principal.subject()),
///         None => "hello stranger".to_owned(), // under AuthBuilder::optional alone
///     }
/// }
/// # assert_eq!(handler(&Request::new(())), "hello stranger");
/// ```
#[derive(Clone)]
pub struct Principal(Arc<Inner>);

/// What stands in a [`Principal`].
pub(crate) struct Inner {
    pub(crate) kind: CredentialKind,
    pub(crate) subject: Box<str>,
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) credential_id: Option<Box<str>>,
    pub(crate) key_id: Option<Arc<str>>,
    pub(crate) scopes: Words,
    pub(crate) roles: Words,
    pub(crate) plan: Option<Box<str>>,
    pub(crate) expires: Option<Millis>,
    pub(crate) issued: Option<Millis>,
    pub(crate) auth_time: Option<Millis>,
    pub(crate) acr: Option<Box<str>>,
    pub(crate) bound: Option<Bound>,
    /// The claims, as they were signed; empty for an API key.
    pub(crate) payload: Vec<u8>,
    pub(crate) typed: Option<Arc<dyn Any + Send + Sync>>,
}

/// What somebody proved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A JSON Web Token.
    Jwt,
    /// A token that its issuer was asked about.
    Opaque,
    /// An API key.
    ApiKey,
}

/// Scopes or roles: few, and looked through in order.
///
/// They are one text, so that a token's ten scopes cost one allocation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Words(String);

/// The claims do not fit the type.
#[derive(Debug)]
pub struct ClaimsError(serde_json::Error);

// === impl Principal ===

impl Principal {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Who sent a request, if that is known.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// What it proved with.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.0.kind
    }

    /// Who it is: `sub` of a token, the owner of an API key. Only with its
    /// [issuer](Self::issuer) does it name one and the same over all tokens.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Who says so: `iss` of a token; none for an API key.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// The client that acts for the subject: `client_id`, `azp` or `appid` of a token.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// What names the credentials in an audit log or a list of revoked ones: `jti` of a token, the
    /// public id of an API key.
    #[must_use]
    pub fn credential_id(&self) -> Option<&str> {
        self.0.credential_id.as_deref()
    }

    /// The id of the key that signed the token.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.key_id.as_deref()
    }

    /// What the credentials are good for.
    #[must_use]
    pub fn scopes(&self) -> &Words {
        &self.0.scopes
    }

    /// What the subject is.
    #[must_use]
    pub fn roles(&self) -> &Words {
        &self.0.roles
    }

    /// The plan of an API key's owner, such as a rate limit may go by.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.0.plan.as_deref()
    }

    /// When the credentials end, since the Unix epoch.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.0.expires.map(Millis::since_epoch)
    }

    /// When they were issued, since the Unix epoch.
    #[must_use]
    pub fn issued(&self) -> Option<Duration> {
        self.0.issued.map(Millis::since_epoch)
    }

    /// When the subject last proved who it is, since the Unix epoch: `auth_time` of a token.
    #[must_use]
    pub fn auth_time(&self) -> Option<Duration> {
        self.0.auth_time.map(Millis::since_epoch)
    }

    /// How it did: `acr` of a token.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.acr.as_deref()
    }

    /// The claims, read when the token was checked: of the type that was given to
    /// [`JwtVerifierBuilder::claims`](crate::JwtVerifierBuilder::claims).
    #[must_use]
    pub fn claims<C: 'static>(&self) -> Option<&C> {
        self.0.typed.as_deref()?.downcast_ref()
    }

    /// Reads the claims now, as any type.
    ///
    /// # Errors
    ///
    /// When they do not fit the type, and always for an API key, which has none.
    pub fn read_claims<C: DeserializeOwned>(&self) -> Result<C, ClaimsError> {
        serde_json::from_slice(&self.0.payload).map_err(ClaimsError)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("kind", &self.0.kind)
            .field("subject", &self.0.subject)
            .field("issuer", &self.0.issuer)
            .field("credential_id", &self.0.credential_id)
            .field("scopes", &self.0.scopes)
            .field("roles", &self.0.roles)
            .finish_non_exhaustive()
    }
}

// === impl Words ===

impl Words {
    const BETWEEN: char = '\0';

    /// Words in their order; empty ones and those with a zero byte are left out.
    #[expect(single_use_lifetimes, reason = "`impl Trait` wants a name for it")]
    pub(crate) fn of<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut it = Self::default();
        words.into_iter().for_each(|word| it.add(word));
        it
    }

    /// Adds the words of a text with spaces between.
    pub(crate) fn add_all(&mut self, text: &str) {
        self.0.reserve(text.len() + 1);
        text.split(' ').for_each(|word| self.add(word));
    }

    pub(crate) fn add(&mut self, word: &str) {
        if word.is_empty() || word.contains(Self::BETWEEN) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(Self::BETWEEN);
        }
        self.0.push_str(word);
    }

    /// Whether a word is among them, exactly.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|it| it == word)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(Self::BETWEEN).filter(|word| !word.is_empty())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// As OAuth writes them: with a space between.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " " })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

// === impl ClaimsError ===

/// The text of a claim may be in the message of the parser, so it is not shown.
impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = (self.0.line(), self.0.column());
        write!(f, "the claims do not fit the type, at {line}:{column}")
    }
}

impl Error for ClaimsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_exact() {
        let words = Words::of(["orders:read", "", "a\0b", "orders:write"]);
        assert!(words.contains("orders:read") && words.contains("orders:write"));
        for word in ["", "orders", "orders:", "Orders:read", "orders:read\0orders:write", "a"] {
            assert!(!words.contains(word), "{word:?}");
        }
        assert_eq!(words.to_string(), "orders:read orders:write");
        assert!(Words::default().is_empty());
        assert_eq!(Words::default().iter().count(), 0);
    }
}
