use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use serde::de::DeserializeOwned;

use super::{
    Algorithm, JwtVerifier, KeySource, TokenType,
    algorithm::Algorithms,
    cache::Cache,
    claims::{Path, Rules},
    verifier::{Inner, ReadClaims},
    verify::MAX_TOKEN,
};
use crate::{
    ConfigError, ConfigErrorKind,
    time::{Clock, MAX_LEEWAY},
};

/// How long a token is taken for checked, however long it lives.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Sets up a [`JwtVerifier`]. It needs keys, an issuer and an audience; the rest has defaults.
#[must_use = "a builder does nothing until `build`"]
pub struct JwtVerifierBuilder {
    source: Option<KeySource>,
    algorithms: Option<Vec<Algorithm>>,
    rules: Rules,
    any_issuer: bool,
    any_audience: bool,
    id_tokens_are_refused: bool,
    max_len: usize,
    cached: usize,
    read_claims: Option<ReadClaims>,
    clock: Clock,
}

// === impl JwtVerifierBuilder ===

impl JwtVerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            source: None,
            algorithms: None,
            rules: Rules::default(),
            any_issuer: false,
            any_audience: false,
            id_tokens_are_refused: true,
            max_len: MAX_TOKEN,
            cached: 10_000,
            read_claims: None,
            clock: Clock::default(),
        }
    }

    /// Whose tokens these are: `iss`, compared exactly. More than one for an issuer that has
    /// several names for one set of keys; issuers with keys of their own get a verifier each.
    /// Default: none, which `build` refuses.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.rules.issuers.push(issuer.into());
        self
    }

    /// Whoever has the keys may claim any issuer or none.
    pub fn any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// For whom a token must be: one of those in its `aud`. Default: none, which `build` refuses,
    /// since a token for any other service of the issuer would do.
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.rules.audiences.push(audience.into());
        self
    }

    /// A token may be for anybody, or not say for whom.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// The claim that holds the audience. Default: `aud`.
    pub fn audience_claim(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.rules.audience_claim = name.into();
        self
    }

    /// The keys. Default: none, which `build` refuses.
    pub fn keys(mut self, keys: impl Into<KeySource>) -> Self {
        self.source = Some(keys.into());
        self
    }

    /// The algorithms that are taken, as far as the keys are for them. Default: all that the keys
    /// are for. A key is never used for another algorithm than it is for.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// The kind of token. Default: [`TokenType::Bearer`].
    pub fn token_type(mut self, kind: TokenType) -> Self {
        self.rules.kind = kind;
        self
    }

    /// How far the clocks may be apart, for `exp`, `nbf` and `iat`. Default: 30 s; at most 5 min.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.rules.leeway = leeway;
        self
    }

    /// How long a token may live, from `iat` to `exp`. Default: as long as it says.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.rules.max_lifetime = Some(lifetime);
        self
    }

    /// How old a token may be, from `iat` to now. Default: as old as it says.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.rules.max_age = Some(age);
        self
    }

    /// A claim that must be there. Default: `exp`, `sub`, the audience, and `iss` unless any would
    /// do; `exp` always.
    pub fn require(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.rules.required.push(claim.into());
        self
    }

    /// Whether a token must have a subject. Default: yes.
    pub fn require_subject(mut self, required: bool) -> Self {
        self.rules.subject_is_required = required;
        self
    }

    /// A claim, by its path, that must be this text. Default: none.
    pub fn claim_equals(mut self, path: &str, text: impl Into<Box<str>>) -> Self {
        self.rules.equal.push((names(path), text.into()));
        self
    }

    /// A client that may have asked for the token: `client_id`, `azp` or `appid`. Default: any.
    pub fn client(mut self, client: impl Into<Box<str>>) -> Self {
        self.rules.clients.push(client.into());
        self
    }

    /// One more path at which there may be scopes: a text with spaces between, or an array.
    /// Default: `scope` and `scp`.
    pub fn scopes_at(mut self, path: &str) -> Self {
        self.rules.scopes.push(names(path));
        self
    }

    /// One more path at which there may be roles: a text with spaces between, or an array.
    /// Default: `roles` and `realm_access.roles`.
    pub fn roles_at(mut self, path: &str) -> Self {
        self.rules.roles.push(names(path));
        self
    }

    /// One more path at which there may be roles, name by name, for names that have dots in them.
    pub fn roles_at_names(mut self, names: &[&str]) -> Self {
        let path = names.iter().map(|name| Box::from(*name)).collect();
        self.rules.roles.push(path);
        self
    }

    /// Takes tokens that have a claim of ID tokens, where something else tells them apart.
    pub(super) fn id_token_claims(mut self) -> Self {
        self.id_tokens_are_refused = false;
        self
    }

    /// The longest token. Default: 8 KiB.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = bytes;
        self
    }

    /// How many checked tokens are remembered, so that the next use of one costs a digest instead
    /// of a signature and claims; zero for none, which is best where each token comes but once and
    /// its signature is made with a shared secret. Default: 10,000.
    pub fn cache(mut self, tokens: usize) -> Self {
        self.cached = tokens;
        self
    }

    /// Reads the claims as this type, for [`Principal::claims`](crate::Principal::claims). A token
    /// that does not fit is refused. Default: they are not read.
    pub fn claims<C: DeserializeOwned + Send + Sync + 'static>(mut self) -> Self {
        self.read_claims = Some(|payload| {
            let claims: C = serde_json::from_slice(payload).ok()?;
            Some(Arc::new(claims) as Arc<dyn Any + Send + Sync>)
        });
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
    /// When a setting is missing or cannot be safe, with its name and what would be right.
    pub fn build(self) -> Result<JwtVerifier, ConfigError> {
        let error = |kind| Err(ConfigError::new(kind));
        let Some(source) = self.source else {
            return error(ConfigErrorKind::NoKeys);
        };
        let rules = self.rules;
        // An empty name is one that was to come from a setting, and did not.
        let no_issuer = rules.issuers.is_empty() && !self.any_issuer;
        if no_issuer || rules.issuers.iter().any(|name| name.is_empty()) {
            return error(ConfigErrorKind::NoIssuer);
        }
        let no_audience = rules.audiences.is_empty() && !self.any_audience;
        if no_audience || rules.audiences.iter().any(|name| name.is_empty()) {
            return error(ConfigErrorKind::NoAudience);
        }
        if rules.leeway > MAX_LEEWAY {
            return error(ConfigErrorKind::Leeway);
        }
        let mut paths = rules.scopes.iter().chain(&rules.roles);
        let is_empty = |path: &Path| path.is_empty() || path.iter().any(|name| name.is_empty());
        if paths.any(is_empty) || rules.equal.iter().any(|it| is_empty(&it.0)) {
            return error(ConfigErrorKind::ClaimPath);
        }
        let algorithms = match &self.algorithms {
            None => Algorithms::ALL,
            Some(named) if named.is_empty() => return error(ConfigErrorKind::NoAlgorithm),
            Some(named) => {
                let keys = source.keys();
                let fits = |it: &Algorithm| {
                    keys.iter().flat_map(|keys| keys.keys()).any(|key| key.allows(*it))
                };
                if keys.is_some() && !named.iter().any(fits) {
                    return error(ConfigErrorKind::AlgorithmWithoutKey);
                }
                named.iter().fold(Algorithms::NONE, |set, it| set.with(*it))
            }
        };
        Ok(JwtVerifier::from_inner(Inner {
            source,
            algorithms,
            rules,
            id_tokens_are_refused: self.id_tokens_are_refused,
            max_len: self.max_len,
            cache: (self.cached > 0).then(|| Cache::new(self.cached, LONGEST)),
            read_claims: self.read_claims,
            clock: self.clock,
            memo: ArcSwapOption::empty(),
        }))
    }
}

fn names(path: &str) -> Path {
    path.split('.').map(Box::from).collect()
}

impl fmt::Debug for JwtVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierBuilder")
            .field("keys", &self.source)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
