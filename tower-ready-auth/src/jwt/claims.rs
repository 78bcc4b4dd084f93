//! What claims must be before they are believed (RFC 7519 §4.1).

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    TokenError, TokenType,
    compact::Compact,
    json::{Json, Object},
    known::Known,
};
use crate::{
    Reason,
    binding::Bound,
    principal::{CredentialKind, Inner, Words},
    time::Millis,
};

/// The year 9999. What is later is no date but a slip, such as milliseconds for seconds.
const LAST_DATE: i64 = 253_402_300_799;

/// The longest token that is looked into to learn who should check it.
const LONGEST: usize = 64 * 1_024;

/// The names of a path to a claim: `realm_access.roles`.
pub(crate) type Path = Vec<Box<str>>;

/// The rules of one verifier.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Empty for any.
    pub(crate) issuers: Vec<Arc<str>>,
    /// Empty for any.
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) audience_claim: Cow<'static, str>,
    /// Empty for any.
    pub(crate) clients: Vec<Box<str>>,
    pub(crate) kind: TokenType,
    pub(crate) leeway: Duration,
    /// How long a token is taken for good that does not say; none to refuse it.
    pub(crate) without_expiry: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) subject_is_required: bool,
    pub(crate) required: Vec<Cow<'static, str>>,
    pub(crate) equal: Vec<(Path, Box<str>)>,
    pub(crate) scopes: Vec<Path>,
    pub(crate) roles: Vec<Path>,
}

impl Default for Rules {
    fn default() -> Self {
        let path = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            audience_claim: Cow::Borrowed("aud"),
            clients: Vec::new(),
            kind: TokenType::default(),
            leeway: Duration::from_secs(30),
            without_expiry: None,
            max_lifetime: None,
            max_age: None,
            subject_is_required: true,
            required: Vec::new(),
            equal: Vec::new(),
            scopes: vec![path(&["scope"]), path(&["scp"])],
            roles: vec![path(&["roles"]), path(&["realm_access", "roles"])],
        }
    }
}

/// Where a token that was checked before is checked again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    not_before: Option<Millis>,
    issued: Option<Millis>,
    expires: Millis,
}

impl Rules {
    /// The claims as a principal, if they keep the rules.
    pub(crate) fn check(
        &self,
        claims: &Object<'_>,
        now: Millis,
    ) -> Result<(Inner, Window), TokenError> {
        let known = Known::of(claims);
        let window = Window {
            not_before: date(known.nbf, "nbf")?,
            issued: date(known.iat, "iat")?,
            expires: date(known.exp, "exp")?
                .or_else(|| self.without_expiry.map(|lifetime| now.plus(lifetime)))
                .ok_or_else(|| missing("exp"))?,
        };
        let issuer = self.issuer(&known)?;
        self.check_audience(claims)?;
        self.check_times(&window, now)?;
        let subject = text(known.sub, "sub")?;
        if subject.is_none() && self.subject_is_required {
            return Err(missing("sub"));
        }
        self.kind.check_claims(claims)?;
        for name in &self.required {
            if matches!(claims.get(name), None | Some(Json::Null)) {
                return Err(missing(name.clone()));
            }
        }
        for (path, expected) in &self.equal {
            if claims.at(path).and_then(Json::as_str) != Some(expected) {
                return Err(TokenError::claim(Reason::BadClaim, path.join(".")));
            }
        }
        let principal = Inner {
            kind: CredentialKind::Jwt,
            subject: subject.unwrap_or_default().into(),
            issuer,
            client_id: self.client(&known)?.map(Box::from),
            credential_id: text(known.jti, "jti")?.map(Box::from),
            key_id: None,
            scopes: words(claims, &self.scopes)?,
            roles: words(claims, &self.roles)?,
            plan: None,
            expires: Some(window.expires),
            issued: window.issued,
            auth_time: date(known.auth_time, "auth_time")?,
            acr: text(known.acr, "acr")?.map(Box::from),
            bound: known.cnf.map(Bound::of).transpose()?,
            payload: Vec::new(),
            typed: None,
        };
        Ok((principal, window))
    }

    /// What may change from one use of a token to the next is its age alone.
    pub(crate) fn check_times(&self, window: &Window, now: Millis) -> Result<(), TokenError> {
        let (early, late) = (now.minus(self.leeway), now.plus(self.leeway));
        // RFC 7519 §4.1.4: on or after this time it is not accepted.
        if early >= window.expires {
            return Err(Reason::Expired.into());
        }
        if window.not_before.is_some_and(|start| start > late) {
            return Err(Reason::NotYetValid.into());
        }
        let Some(issued) = window.issued else {
            let needed = self.max_lifetime.is_some() || self.max_age.is_some();
            return if needed { Err(missing("iat")) } else { Ok(()) };
        };
        if issued > late {
            return Err(Reason::IssuedInFuture.into());
        }
        if self.max_age.is_some_and(|max| issued.plus(max) <= early) {
            return Err(Reason::TooOld.into());
        }
        if self.max_lifetime.is_some_and(|max| issued.plus(max) < window.expires) {
            return Err(Reason::LivesTooLong.into());
        }
        Ok(())
    }

    /// RFC 7519 §4.1.1: one text, compared exactly.
    fn issuer(&self, known: &Known<'_>) -> Result<Option<Arc<str>>, TokenError> {
        let issuer = text(known.iss, "iss")?;
        if self.issuers.is_empty() {
            return Ok(issuer.map(Arc::from));
        }
        let issuer = issuer.ok_or_else(|| missing("iss"))?;
        let known = self.issuers.iter().find(|known| ***known == *issuer);
        Ok(Some(Arc::clone(known.ok_or(Reason::UnknownIssuer)?)))
    }

    /// RFC 7519 §4.1.3: one text, or an array of nothing but texts.
    fn check_audience(&self, claims: &Object<'_>) -> Result<(), TokenError> {
        let name = &self.audience_claim;
        let bad = || TokenError::claim(Reason::BadClaim, name.clone());
        let is_ours = |audience: &str| self.audiences.iter().any(|ours| **ours == *audience);
        let found = match claims.get(name) {
            None if self.audiences.is_empty() => return Ok(()),
            None => return Err(missing(name.clone())),
            Some(Json::Text(audience)) => is_ours(audience),
            Some(several) => several.as_texts().ok_or_else(bad)?.any(is_ours),
        };
        if found || self.audiences.is_empty() {
            return Ok(());
        }
        Err(Reason::WrongAudience.into())
    }

    /// The client, under the first of its names. All that are there must agree.
    fn client<'a>(&self, known: &Known<'a>) -> Result<Option<&'a str>, TokenError> {
        let mut client = None;
        let names = [("client_id", known.client_id), ("azp", known.azp), ("appid", known.appid)];
        for (name, claim) in names {
            let Some(found) = text(claim, name)? else {
                continue;
            };
            if client.is_some_and(|client| client != found) {
                return Err(TokenError::claim(Reason::BadClaim, name));
            }
            client = Some(found);
        }
        if self.clients.is_empty() {
            return Ok(client);
        }
        let client = client.ok_or_else(|| missing("client_id"))?;
        let is_known = self.clients.iter().any(|known| **known == *client);
        let bad = || TokenError::claim(Reason::BadClaim, "client_id");
        is_known.then_some(Some(client)).ok_or_else(bad)
    }
}

/// Whether a token has the form of a JWT.
#[cfg(feature = "jwks-http")]
pub(crate) fn has_the_form(token: &[u8]) -> bool {
    Compact::split(token, LONGEST).is_ok()
}

/// The issuer that a token claims, of whose signature nothing is known yet: only to choose who
/// checks it.
pub(crate) fn claimed_issuer(token: &[u8]) -> Result<Option<Box<str>>, TokenError> {
    let payload = Compact::split(token, LONGEST)?.decode_payload()?;
    let claims = Object::parse(&payload).ok_or(Reason::MalformedToken)?;
    Ok(text(claims.get("iss"), "iss")?.map(Box::from))
}

/// Whose a token claims to be, of whose signature nothing is known: only to tell one who fails from
/// another.
#[derive(Hash)]
pub(crate) struct Claimed {
    issuer: Option<Box<str>>,
    subject: Box<str>,
}

impl Claimed {
    pub(crate) fn of(token: &[u8]) -> Option<Self> {
        let payload = Compact::split(token, LONGEST).ok()?.decode_payload().ok()?;
        let claims = Object::parse(&payload)?;
        let text = |name| claims.get(name).and_then(Json::as_str).map(Box::from);
        Some(Self { issuer: text("iss"), subject: text("sub")? })
    }
}

fn missing(name: impl Into<Cow<'static, str>>) -> TokenError {
    TokenError::claim(Reason::MissingClaim, name)
}

/// A claim that is a text and not empty, or not there.
fn text<'a>(
    claim: Option<&'a Json<'_>>,
    name: &'static str,
) -> Result<Option<&'a str>, TokenError> {
    match claim {
        None => Ok(None),
        Some(Json::Text(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(TokenError::claim(Reason::BadClaim, name)),
    }
}

/// A `NumericDate` (RFC 7519 §2): seconds, with or without a fraction.
fn date(claim: Option<&Json<'_>>, name: &'static str) -> Result<Option<Millis>, TokenError> {
    let bad = TokenError::claim(Reason::BadClaim, name);
    match claim {
        None => Ok(None),
        Some(Json::Integer(seconds)) => match i64::try_from(*seconds) {
            Ok(seconds @ 0..=LAST_DATE) => Ok(Some(Millis(seconds * 1_000))),
            _ => Err(bad),
        },
        Some(Json::Float(seconds)) if (0.0..=LAST_DATE as f64).contains(seconds) => {
            Ok(Some(Millis((seconds * 1_000.0) as i64)))
        }
        Some(_) => Err(bad),
    }
}

/// The words at some paths: one text with spaces between (RFC 8693 §4.2), or an array of texts.
fn words(claims: &Object<'_>, paths: &[Path]) -> Result<Words, TokenError> {
    let mut words = Words::default();
    for path in paths {
        let bad = || TokenError::claim(Reason::BadClaim, path.join("."));
        match claims.at(path) {
            None | Some(Json::Null) => {}
            Some(Json::Text(text)) => words.add_all(text),
            Some(several) => {
                several.as_texts().ok_or_else(bad)?.for_each(|word| words.add(word));
            }
        }
    }
    Ok(words)
}
