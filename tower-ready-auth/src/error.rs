//! What can be wrong with a configuration.

use std::{error::Error, fmt};

/// A verifier, a key source, a store or a policy was configured in a way that cannot be safe.
///
/// The text names the setting, what is wrong with it and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    about: Option<Box<str>>,
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A verifier without keys, or a set without a key that can be used.
    NoKeys,
    /// A set of more than 256 keys.
    TooManyKeys,
    /// A set that is no JWK set.
    MalformedKeySet,
    /// Two keys of one kind with one id.
    DuplicateKeyId,
    /// A verifier without an issuer.
    NoIssuer,
    /// A verifier without an audience.
    NoAudience,
    /// An empty list of algorithms.
    NoAlgorithm,
    /// A list of algorithms that none of the keys is for.
    AlgorithmWithoutKey,
    /// A leeway of more than five minutes.
    Leeway,
    /// A path to a claim that is empty.
    ClaimPath,
    /// A file that cannot be read.
    File,
    /// A file of records that is not one.
    MalformedRecords,
    /// A URL that is none, or has something that a key URL must not have.
    KeyUrl,
    /// A key URL without TLS.
    PlainKeyUrl,
    /// A key URL that names a private address.
    PrivateKeyUrl,
    /// A key URL that would be asked without a pause, or given no time.
    KeyUrlTime,
    /// The roots of trust of the system cannot be read.
    Roots,
    /// Certificates to trust that are none.
    Certificates,
    /// A caller of an introspection endpoint without a name of its own.
    NoClient,
    /// No secret for webhooks, or one that is short or cannot be read.
    WebhookSecret,
    /// An origin that is none.
    Origin,
    /// A secret of nonces of fewer than 32 bytes.
    NonceSecret,
    /// A time that is zero, or more than an hour, for proofs or nonces.
    ProofTime,
    /// No runtime of tokio to work on.
    NoRuntime,
    /// A URL that is none of a Redis.
    RedisUrl,
    /// An authenticator without any scheme.
    NoScheme,
    /// Two verifiers for one issuer.
    DuplicateIssuer,
    /// A prefix of API keys that cannot be one.
    KeyPrefix,
    /// A header of its own for API keys that is `Authorization`.
    KeyHeader,
    /// A pepper of fewer than 32 bytes.
    ShortPepper,
    /// A range of addresses that is none.
    AddressRange,
    /// A third live key of one owner.
    ThirdKey,
    /// Two API keys with one id.
    DuplicateKey,
    /// The name of a resource that is no absolute URL.
    Resource,
    /// A path that is not absolute.
    Path,
    /// Two policies for one path.
    DuplicatePath,
    /// A throttle that lets no failure pass, or has no period.
    Throttle,
    /// A text that a challenge cannot carry.
    Challenge,
    /// No randomness to make keys of.
    Randomness,
}

impl ConfigError {
    pub(crate) const fn new(kind: ConfigErrorKind) -> Self {
        Self { kind, about: None }
    }

    /// Names the value in question, which is no secret.
    pub(crate) fn about(mut self, about: &str) -> Self {
        self.about = Some(about.into());
        self
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        match &self.about {
            Some(about) => write!(f, " ({about})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl Error for ConfigError {}

impl ConfigErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::NoKeys => {
                "keys: there is no key to check signatures with: give one with keys(..)"
            }
            Self::TooManyKeys => "keys: the set has more than 256 keys: check where it comes from",
            Self::MalformedKeySet => {
                "keys: this is no JWK set: give a JSON object with the member `keys` (RFC 7517)"
            }
            Self::DuplicateKeyId => "keys: two keys have one id: give each its own `kid`",
            Self::NoIssuer => {
                "issuer: any issuer of these keys would do: name yours with issuer(..), or say \
                 any_issuer()"
            }
            Self::NoAudience => {
                "audience: a token for another service would do: name yours with audience(..), or \
                 say any_audience()"
            }
            Self::NoAlgorithm => "algorithms: the list is empty: name one, or leave it out",
            Self::AlgorithmWithoutKey => {
                "algorithms: none of the keys is for any of these: name those of your keys"
            }
            Self::Leeway => "leeway: more than five minutes undoes expiry: set the clocks instead",
            Self::ClaimPath => "a path to a claim is empty: write one such as `realm_access.roles`",
            Self::File => "the file cannot be read: check its path and permissions",
            Self::MalformedRecords => {
                "the file has no records of API keys: write a JSON array of them"
            }
            Self::KeyUrl => {
                "jwks url: this is no URL of a key set: write https://host/path, without user, \
                 password and fragment"
            }
            Self::PlainKeyUrl => {
                "jwks url: whoever is on the way could change the keys: use https, or say \
                 allow_http() where the way is safe"
            }
            Self::PrivateKeyUrl => {
                "jwks url: this is a private address: use a public one, or say \
                 allow_private_addresses()"
            }
            Self::KeyUrlTime => {
                "jwks url: refresh is a second at least, and timeout above zero: use minutes for the \
                 one and seconds for the other, or leave them out"
            }
            Self::Roots => {
                "jwks url: the system has no certificates to trust: install its package of them, \
                 often named ca-certificates"
            }
            Self::Certificates => {
                "trust_pem: these are no certificates in PEM: give those that signed the server's"
            }
            Self::NoClient => {
                "introspection: an issuer tells of tokens to those it knows alone: name this service \
                 with client(..)"
            }
            Self::WebhookSecret => {
                "webhooks: a secret is missing, short or no base64: use 24 random bytes or more"
            }
            Self::Origin => {
                "dpop: this is no origin: write what clients call, such as https://api.example.com"
            }
            Self::NonceSecret => {
                "dpop: a secret of fewer than 32 bytes can be guessed: use 32 random ones"
            }
            Self::ProofTime => {
                "dpop: window and nonce_life are above zero and an hour at most: use a minute or some"
            }
            Self::NoRuntime => {
                "this needs tasks and timers of tokio: build it inside of a tokio runtime"
            }
            Self::RedisUrl => {
                "redis: this is no URL of a Redis: write one such as redis://127.0.0.1:6379/"
            }
            Self::NoScheme => {
                "no scheme is set: add a verifier with jwt(..) or keys with api_keys(..)"
            }
            Self::DuplicateIssuer => {
                "two verifiers are for one issuer: merge their keys and audiences into one"
            }
            Self::KeyPrefix => {
                "prefix and environment are 1 to 32 of a-z and 0-9 each: choose others"
            }
            Self::KeyHeader => {
                "key_header: keys come in Authorization as well, and twice is too often: name \
                 another header, or leave it out"
            }
            Self::ShortPepper => "pepper: fewer than 32 bytes can be guessed: use 32 random ones",
            Self::AddressRange => {
                "allow_from: this is no range of addresses: write one such as 10.0.0.0/8"
            }
            Self::ThirdKey => {
                "the owner has two live keys: revoke one before you add the next, or let it expire"
            }
            Self::DuplicateKey => "two API keys have one id: make a new one",
            Self::Resource => {
                "resource: this is no absolute URL without query and fragment: write one such as \
                 https://api.example.com/orders"
            }
            Self::Path => "this is no path: write an absolute one such as /livez",
            Self::DuplicatePath => "two policies are for one path: merge them",
            Self::Throttle => "throttle: allow at least one failure in a period that is not zero",
            Self::Challenge => "the challenge has characters that a header cannot carry: use ASCII",
            Self::Randomness => "the system has no randomness for a key: try again later",
        }
    }
}
