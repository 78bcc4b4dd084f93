use std::{fmt, path::PathBuf, time::Duration};

use http::Uri;

use super::{Config, KeyUrl, Origin};
use crate::{
    ConfigError, ConfigErrorKind,
    outbound::{Reach, shown},
};

/// Sets up a [`KeyUrl`]. Everything has a default.
#[must_use = "a builder does nothing until `build`"]
pub struct KeyUrlBuilder {
    url: String,
    issuer: Option<Box<str>>,
    refresh: Duration,
    max_stale: Duration,
    cooldown: Duration,
    reach: Reach,
    key_hosts: Vec<Box<str>>,
    grace: Duration,
    bearer: Option<PathBuf>,
}

impl KeyUrlBuilder {
    pub(super) fn keys(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            issuer: None,
            refresh: Duration::from_secs(10 * 60),
            max_stale: Duration::from_secs(24 * 60 * 60),
            cooldown: Duration::from_secs(10),
            reach: Reach::default(),
            key_hosts: Vec::new(),
            grace: Duration::ZERO,
            bearer: None,
        }
    }

    pub(super) fn issuer(issuer: &str) -> Self {
        let mut it = Self::keys(issuer);
        it.issuer = Some(issuer.into());
        it
    }

    /// How long a set is good that does not say so itself. Default: 10 min. It is fetched again when
    /// four fifths of that have passed, give or take a tenth. What `max-age` says counts between a
    /// minute and a day, this from a second on.
    pub fn refresh(mut self, every: Duration) -> Self {
        self.refresh = every;
        self
    }

    /// How old the last good set may be while no newer one can be had. Default: a day.
    pub fn max_stale(mut self, age: Duration) -> Self {
        self.max_stale = age;
        self
    }

    /// How long a fetch may take in all. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.reach.timeout = timeout;
        self
    }

    /// How long after a fetch that a token asked for none asks again. Default: 10 s.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The longest answer. Default: 512 KiB.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.reach.max_len = bytes;
        self
    }

    /// Allows `http`, where nobody is on the way: in a test, or to a sidecar. Default: `https`
    /// alone.
    pub fn allow_http(mut self) -> Self {
        self.reach.http = true;
        self
    }

    /// Allows private addresses, where the issuer is in the same network. Default: public ones
    /// alone.
    pub fn allow_private_addresses(mut self) -> Self {
        self.reach.private = true;
        self
    }

    /// A host other than the issuer's own from which the keys may come. Default: none.
    pub fn key_host(mut self, host: impl Into<Box<str>>) -> Self {
        self.key_hosts.push(host.into());
        self
    }

    /// How long a key stays good that is in the set no more, for an issuer that takes keys away
    /// before the tokens that they signed have ended. Default: not at all, since a key may be gone
    /// because it leaked.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The certificates, in PEM, that vouch for the server of the keys, and no others: those of a
    /// cluster, as in `/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`. Default: the system's.
    pub fn trust_pem(mut self, certificates: impl Into<Box<str>>) -> Self {
        self.reach.roots = Some(certificates.into());
        self
    }

    /// A file with a token for the server of the keys, read anew for each fetch: a Kubernetes API
    /// server wants one. Default: none.
    pub fn bearer_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.bearer = Some(path.into());
        self
    }

    /// Starts to fetch.
    ///
    /// # Errors
    ///
    /// When the URL is none that keys may come from, when a time makes no sense, when the system has
    /// no roots of trust, or outside of a tokio runtime.
    pub fn build(self) -> Result<KeyUrl, ConfigError> {
        if self.refresh < SHORTEST || self.reach.timeout.is_zero() {
            return Err(ConfigError::new(ConfigErrorKind::KeyUrlTime));
        }
        let check = |url: &str| self.reach.check_url(url);
        let uri = check(&self.url)?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(ConfigError::new(ConfigErrorKind::NoRuntime));
        }
        let origin = match self.issuer {
            Some(name) => {
                let documents = documents(&name, &uri);
                let documents = documents.iter().map(|url| check(url));
                Origin::Issuer { name, documents: documents.collect::<Result<_, _>>()? }
            }
            None => Origin::Keys(uri),
        };
        KeyUrl::start(Config {
            origin,
            refresh: self.refresh,
            max_stale: self.max_stale,
            cooldown: self.cooldown,
            reach: self.reach,
            key_hosts: self.key_hosts,
            grace: self.grace,
            bearer: self.bearer,
        })
    }
}

/// More often than that would be an attack on the issuer.
const SHORTEST: Duration = Duration::from_secs(1);

impl fmt::Debug for KeyUrlBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyUrlBuilder").field("at", &shown(&self.url)).finish_non_exhaustive()
    }
}

/// Where the metadata of an issuer may be: after its path (OpenID Connect Discovery §4), or before
/// it (RFC 8414 §3.1).
fn documents(issuer: &str, uri: &Uri) -> [String; 2] {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    let path = uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let host = issuer.strip_suffix(path).unwrap_or(issuer);
    [
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{host}/.well-known/oauth-authorization-server{path}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_after_the_path_or_before_it() {
        for (issuer, first, second) in [
            ("https://a.example", "https://a.example", "https://a.example/W"),
            ("https://a.example/", "https://a.example", "https://a.example/W"),
            ("https://a.example/b/c", "https://a.example/b/c", "https://a.example/W/b/c"),
            ("https://a.example/b/", "https://a.example/b", "https://a.example/W/b"),
        ] {
            let found = documents(issuer, &issuer.parse().unwrap());
            assert_eq!(found[0], format!("{first}/.well-known/openid-configuration"));
            let second = second.replace('W', ".well-known/oauth-authorization-server");
            assert_eq!(found[1], second, "{issuer}");
        }
    }
}
