use std::borrow::Cow;

use super::{TokenError, header::Header, json::Object};
use crate::Reason;

/// What kind of token a verifier takes (RFC 8725 §3.11).
///
/// Tokens of other kinds have the same issuer and keys: ID tokens say who logged in to some
/// client, logout tokens that somebody left, and none of them may open a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// An access token as most issuers make it: `typ` is absent, `JWT`, `at+jwt` or
    /// `application/at+jwt`, and it has none of the claims that only ID tokens have (`nonce`,
    /// `at_hash`, `c_hash`), unless its `typ` says that it is an access token.
    #[default]
    Bearer,
    /// An access token of the profile RFC 9068: `typ` is `at+jwt`, and `client_id`, `iat` and `jti`
    /// are there.
    AccessToken,
    /// A token whose `typ` is this media type, with or without `application/`.
    Named(Cow<'static, str>),
    /// An ID token of OpenID Connect: `typ` is absent or `JWT`. Say it only where a client logs in.
    IdToken,
}

impl TokenType {
    pub(super) fn check_header(&self, header: &Header<'_>) -> Result<bool, TokenError> {
        // A token in a token (RFC 7519 §5.2) is not what anybody asks for here.
        if header.content.is_some() {
            return Err(Reason::WrongType.into());
        }
        let kind = header.kind.as_deref();
        let is = |name: &str| kind.is_some_and(|kind| is_media_type(kind, name));
        let is_access_token = is("at+jwt");
        let fits = match self {
            Self::Bearer => kind.is_none() || is("JWT") || is_access_token,
            Self::AccessToken => is_access_token,
            Self::Named(name) => is(name),
            Self::IdToken => kind.is_none() || is("JWT"),
        };
        fits.then_some(is_access_token).ok_or_else(|| Reason::WrongType.into())
    }

    pub(super) fn check_claims(&self, claims: &Object<'_>) -> Result<(), TokenError> {
        let required: &[&str] = match self {
            Self::AccessToken => &["client_id", "iat", "jti"],
            _ => &[],
        };
        for name in required {
            if claims.get(name).is_none() {
                return Err(TokenError::claim(Reason::MissingClaim, *name));
            }
        }
        Ok(())
    }

    /// Whether these claims are those of an ID token where none is wanted.
    pub(super) fn is_stray_id_token(&self, claims: &Object<'_>, is_access_token: bool) -> bool {
        let has = |name: &&str| claims.get(name).is_some();
        *self == Self::Bearer && !is_access_token && ["nonce", "at_hash", "c_hash"].iter().any(has)
    }
}

/// RFC 7515 §4.1.9: without regard to case, and `application/` may be left out.
fn is_media_type(kind: &str, name: &str) -> bool {
    const PREFIX: &str = "application/";
    let bare = |text: &str| -> usize {
        let prefix = text.get(..PREFIX.len());
        let has = prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX));
        if has { PREFIX.len() } else { 0 }
    };
    kind[bare(kind)..].eq_ignore_ascii_case(&name[bare(name)..])
}
