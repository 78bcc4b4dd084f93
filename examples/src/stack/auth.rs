//! Who may call.

use std::{fmt::Display, time::Duration};

use tower_ready_auth::{
    ApiKeys, Auth, ConfigError, FileKeys, JwtVerifier, KeySet, KeySource, KeyUrl, MemoryKeys,
    RevocationFile,
};
use tower_ready_obs::Events;
use tower_ready_ratelimit::key::Address;

use crate::{
    access::{READ, WRITE},
    credentials::{Claims, Signer, api_keys, dev_signer, in_seconds},
    flags::{AuthFlags, Refusal},
};

/// How long a token lives that is printed at the start.
const HALF_A_DAY: i64 = 12 * 60 * 60;

/// What a server without keys of its own accepts, to be printed for who tries it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DevCredentials {
    /// A token with every scope, and one without any.
    pub(crate) tokens: Option<(String, String)>,
    pub(crate) api_key: Option<String>,
}

/// Who may call, and the credentials that were made for want of others.
pub(super) fn auth(
    flags: &AuthFlags,
    client: Address,
    events: Events,
) -> Result<(Auth, DevCredentials), Refusal> {
    let (keys, tokens) = match &flags.jwks {
        Some(place) => (key_source(place).map_err(refuse("--jwks"))?, None),
        None => dev_keys(flags).map_err(refuse("--jwks"))?,
    };
    let verifier = JwtVerifier::builder()
        .issuer(flags.issuer.as_str())
        .audience(flags.audience.as_str())
        .keys(keys)
        .build()
        .map_err(refuse("--jwks"))?;
    let (keys, api_key) = match &flags.api_keys {
        Some(path) => FileKeys::open(path).and_then(api_keys).map(|keys| (keys, None)),
        None => dev_api_key(),
    }
    .map_err(refuse("--api-keys"))?;

    let (failures, period) = flags.failures;
    let mut auth = Auth::builder()
        .jwt(verifier)
        .api_keys(keys)
        // Some routes are open; what the others ask is said where they are.
        .optional(true)
        .throttle(failures, period)
        .on_event(events)
        // Behind a proxy the failures of one client are not those of all.
        .source(move |head| client.of(head));
    if let Some(path) = &flags.revocations {
        auth = auth.revocation(RevocationFile::open(path).map_err(refuse("--revocations"))?);
    }
    let auth = auth.build().map_err(refuse("--auth-failures"))?;
    Ok((auth, DevCredentials { tokens, api_key }))
}

/// A file or a URL. Requests never wait for either: a file is read again when it changes, a URL by a
/// task of its own.
fn key_source(place: &str) -> Result<KeySource, ConfigError> {
    let url = match place.split_once("://") {
        Some(("https", _)) => KeyUrl::builder(place),
        // To a sidecar, or in a test.
        Some(("http", _)) => KeyUrl::builder(place).allow_http(),
        _ => return KeySource::file(place),
    };
    // Who starts this names the URL, so it may well be in the same network.
    let url = url.allow_private_addresses().refresh(Duration::from_secs(60));
    Ok(url.build()?.into())
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type DevKeys = (KeySource, Option<(String, String)>);

/// The keys of the binary `token`, and two tokens by them.
fn dev_keys(flags: &AuthFlags) -> Result<DevKeys, Failure> {
    let signer = dev_signer()?;
    let keys = KeySet::from_jwks(signer.jwks()?.as_bytes())?;
    let all = dev_token(&signer, flags, &[READ, WRITE])?;
    let none = dev_token(&signer, flags, &[])?;
    Ok((keys.into(), Some((all, none))))
}

fn dev_token(signer: &Signer, flags: &AuthFlags, scopes: &[&str]) -> Result<String, Failure> {
    signer.sign(&Claims {
        iss: flags.issuer.clone(),
        aud: flags.audience.clone(),
        sub: "dev".to_owned(),
        jti: format!("dev-{}", scopes.len()),
        iat: in_seconds(0),
        exp: in_seconds(HALF_A_DAY),
        scope: scopes.join(" "),
        roles: Vec::new(),
    })
}

fn dev_api_key() -> Result<(ApiKeys, Option<String>), ConfigError> {
    let store = MemoryKeys::new();
    let keys = api_keys(store.clone())?;
    let (key, record) = keys.generate("dev")?;
    store.insert(record.scopes([READ, WRITE]))?;
    Ok((keys, Some(key.as_str().to_owned())))
}

fn refuse<E: Display>(flag: &'static str) -> impl Fn(E) -> Refusal {
    move |error| Refusal::new(flag, error)
}
