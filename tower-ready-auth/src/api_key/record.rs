use std::{
    fmt,
    net::IpAddr,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, ConfigErrorKind, CredentialKind, Principal, digest,
    principal::{Inner, Words},
    rfc3339,
    time::Millis,
};

/// What is kept of an API key: whose it is, what it is good for, and a digest of its secret.
///
/// As JSON, of which a file of keys is an array:
///
/// ```
/// use tower_ready_auth::ApiKeys;
///
/// let keys = ApiKeys::builder("acme", "live").build()?;
/// let (key, record) = keys.generate("alice")?;
/// let record = record.scopes(["orders:read"]).plan("free");
/// let json = record.to_json();
/// assert!(key.as_str().starts_with("acme_live_"));
/// assert!(json.contains(r#""owner":"alice","scopes":["orders:read"],"roles":[],"plan":"free""#));
/// assert!(!json.contains(key.as_str()));
/// # Ok::<(), tower_ready_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ApiKeyRecord {
    wire: Wire,
    digest: [u8; 32],
    expires: Option<Millis>,
    not_before: Option<Millis>,
    allowed: Vec<IpNet>,
    /// Made at the first use, so that each request after it costs a count.
    principal: OnceLock<Principal>,
}

/// A member that is not known may be one that was to narrow what the key is good for, and was
/// misspelled.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hmac_sha256: Option<String>,
    owner: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    plan: Option<String>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow_from: Vec<String>,
}

impl ApiKeyRecord {
    pub(super) fn new(id: String, owner: String, digest: [u8; 32], peppered: bool) -> Self {
        let hex = Some(digest::to_hex(&digest));
        let (sha256, hmac_sha256) = if peppered { (None, hex) } else { (hex, None) };
        let wire = Wire { id, sha256, hmac_sha256, owner, ..Wire::default() };
        Self {
            wire,
            digest,
            expires: None,
            not_before: None,
            allowed: Vec::new(),
            principal: OnceLock::new(),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// When it is no JSON object of the right members.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let wire = serde_json::from_str(json).map_err(|error| malformed(&error))?;
        Self::from_wire(wire)
    }

    /// Reads an array of records.
    pub(super) fn array_from_json(json: &[u8]) -> Result<Vec<Self>, ConfigError> {
        let wires: Vec<Wire> = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        wires.into_iter().map(Self::from_wire).collect()
    }

    fn from_wire(wire: Wire) -> Result<Self, ConfigError> {
        let bad = |what: &str| {
            let about = format!("{what} of {:?}", wire.id);
            ConfigError::new(ConfigErrorKind::MalformedRecords).about(&about)
        };
        let (peppered, digest) = match (&wire.sha256, &wire.hmac_sha256) {
            (Some(digest), None) => (false, digest),
            (None, Some(digest)) => (true, digest),
            _ => return Err(bad("sha256 or hmac_sha256")),
        };
        let digest = digest::from_hex(digest).ok_or_else(|| bad("the digest"))?;
        if wire.owner.is_empty() {
            return Err(bad("the owner"));
        }
        let date = |text: &Option<String>, what| match text {
            Some(text) => rfc3339::parse(text).ok_or_else(|| bad(what)).map(Some),
            None => Ok(None),
        };
        let expires = date(&wire.expires, "expires")?;
        let not_before = date(&wire.not_before, "not_before")?;
        let Wire { id, owner, .. } = &wire;
        let mut record = Self::new(id.clone(), owner.clone(), digest, peppered);
        record.allowed = ranges(&wire.allow_from)?;
        record.wire = wire;
        (record.expires, record.not_before) = (expires, not_before);
        Ok(record)
    }

    /// The record as JSON, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and lists of them always serialize.
        serde_json::to_string(&self.wire).unwrap_or_default()
    }

    /// What the key is good for. Default: nothing in particular.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.with(|wire| wire.scopes = scopes.into_iter().map(Into::into).collect())
    }

    /// What its owner is. Default: nothing in particular.
    #[must_use]
    pub fn roles<T: Into<String>>(self, roles: impl IntoIterator<Item = T>) -> Self {
        self.with(|wire| wire.roles = roles.into_iter().map(Into::into).collect())
    }

    /// What its owner has paid for, such as rate limits go by. Default: none.
    #[must_use]
    pub fn plan(self, plan: impl Into<String>) -> Self {
        self.with(|wire| wire.plan = Some(plan.into()))
    }

    /// When the key ends. Default: never.
    #[must_use]
    pub fn expires(mut self, time: SystemTime) -> Self {
        let time = Millis::of(time);
        self.expires = Some(time);
        self.with(|wire| wire.expires = Some(rfc3339::format(time)))
    }

    /// How long the key lives from now on. Default: for ever.
    #[must_use]
    pub fn lives(self, lifetime: Duration) -> Self {
        self.expires(SystemTime::now() + lifetime)
    }

    /// When the key begins. Default: at once.
    #[must_use]
    pub fn not_before(mut self, time: SystemTime) -> Self {
        let time = Millis::of(time);
        self.not_before = Some(time);
        self.with(|wire| wire.not_before = Some(rfc3339::format(time)))
    }

    /// The addresses from which the key may be used: `10.0.0.0/8`, `2001:db8::7`. Default: any.
    ///
    /// # Errors
    ///
    /// When one is no range of addresses.
    pub fn allow_from<T: Into<String>>(
        mut self,
        addresses: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let texts: Vec<String> = addresses.into_iter().map(Into::into).collect();
        self.allowed = ranges(&texts)?;
        Ok(self.with(|wire| wire.allow_from = texts))
    }

    /// The public id, which is the third part of the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.wire.id
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.wire.owner
    }

    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub(super) const fn is_peppered(&self) -> bool {
        self.wire.hmac_sha256.is_some()
    }

    pub(super) fn is_over(&self, now: Millis) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    pub(super) fn is_early(&self, now: Millis) -> bool {
        self.not_before.is_some_and(|start| now < start)
    }

    /// Whether the key may come from there. Where it is bound to addresses, one that is not known
    /// is none of them.
    pub(super) fn may_come_from(&self, source: Option<IpAddr>) -> bool {
        self.allowed.is_empty()
            || source.is_some_and(|source| {
                let source = source.to_canonical();
                self.allowed.iter().any(|range| range.contains(&source))
            })
    }

    pub(super) fn principal(&self) -> &Principal {
        self.principal.get_or_init(|| {
            let wire = &self.wire;
            Principal::new(Inner {
                kind: CredentialKind::ApiKey,
                subject: wire.owner.as_str().into(),
                issuer: None,
                client_id: None,
                credential_id: Some(wire.id.as_str().into()),
                key_id: None,
                scopes: Words::of(wire.scopes.iter().map(String::as_str)),
                roles: Words::of(wire.roles.iter().map(String::as_str)),
                plan: wire.plan.as_deref().map(Box::from),
                expires: self.expires,
                issued: self.not_before,
                auth_time: None,
                acr: None,
                bound: None,
                payload: Vec::new(),
                typed: None,
            })
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Wire)) -> Self {
        change(&mut self.wire);
        self.principal = OnceLock::new();
        self
    }
}

/// A range with bits below its prefix is rather a slip than a wish.
fn ranges(texts: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let parse = |text: &String| {
        let range = text.parse::<IpNet>().ok().filter(|range| range.addr() == range.network());
        let range = range.or_else(|| Some(text.parse::<IpAddr>().ok()?.to_canonical().into()));
        range.ok_or_else(|| ConfigError::new(ConfigErrorKind::AddressRange).about(text))
    };
    texts.iter().map(parse).collect()
}

/// The place alone, since the text around it has digests in it.
fn malformed(error: &serde_json::Error) -> ConfigError {
    let place = format!("line {}, column {}", error.line(), error.column());
    ConfigError::new(ConfigErrorKind::MalformedRecords).about(&place)
}

impl fmt::Debug for ApiKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyRecord")
            .field("id", &self.wire.id)
            .field("owner", &self.wire.owner)
            .field("scopes", &self.wire.scopes)
            .field("roles", &self.wire.roles)
            .field("plan", &self.wire.plan)
            .field("expires", &self.wire.expires)
            .finish_non_exhaustive()
    }
}
