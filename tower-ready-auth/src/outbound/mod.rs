//! Calls that this crate makes: to servers of keys, and to those that know of tokens.

mod address;
mod tls;

use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{client::legacy, rt::TokioExecutor};

use self::{address::is_private, tls::Connector};
use crate::{ConfigError, ConfigErrorKind};

/// How far a call may go.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// How long it may take in all.
    pub(crate) timeout: Duration,
    /// The longest answer.
    pub(crate) max_len: usize,
    /// Whether it may go without TLS.
    pub(crate) http: bool,
    /// Whether it may go to private addresses.
    pub(crate) private: bool,
    /// The only roots of trust, in PEM.
    pub(crate) roots: Option<Box<str>>,
}

/// A client that goes no farther, and follows no redirect.
pub(crate) struct Outbound {
    client: legacy::Client<Connector, Full<Bytes>>,
    max_len: usize,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            max_len: 512 * 1_024,
            http: false,
            private: false,
            roots: None,
        }
    }
}

impl Reach {
    /// A URL that may be called, as far as it can be told from its text.
    pub(crate) fn check_url(&self, url: &str) -> Result<Uri, ConfigError> {
        // What has a password in it, or may have one, is not shown.
        let error = |kind| {
            let error = ConfigError::new(kind);
            if url.contains('@') { error } else { error.about(url) }
        };
        let uri: Uri = url.parse().map_err(|_| error(ConfigErrorKind::KeyUrl))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(error(ConfigErrorKind::KeyUrl));
        };
        if authority.as_str().contains('@') || url.contains('#') {
            return Err(error(ConfigErrorKind::KeyUrl));
        }
        match scheme {
            "https" => {}
            "http" if self.http => {}
            "http" => return Err(error(ConfigErrorKind::PlainKeyUrl)),
            _ => return Err(error(ConfigErrorKind::KeyUrl)),
        }
        // An address needs no look-up, so it does not come past the resolver.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if !self.private && host.parse::<IpAddr>().is_ok_and(is_private) {
            return Err(error(ConfigErrorKind::PrivateKeyUrl));
        }
        Ok(uri)
    }
}

impl Outbound {
    /// `idle` is how many connections are kept for the next call.
    pub(crate) fn new(reach: &Reach, idle: usize) -> Result<Self, ConfigError> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(idle)
            .build(tls::connector(reach)?);
        Ok(Self { client, max_len: reach.max_len })
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, String> {
        self.client.request(request).await.map_err(|error| chain(&error))
    }

    pub(crate) async fn read(&self, body: Incoming) -> Result<Bytes, String> {
        let body = Limited::new(body, self.max_len).collect().await;
        Ok(body.map_err(|error| error.to_string())?.to_bytes())
    }
}

/// A URL as a `Debug` may show it before it was checked.
pub(crate) fn shown(url: &str) -> &str {
    if url.contains('@') { "[redacted]" } else { url }
}

/// An error of the client says what it tried; its sources say what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_refused_by_what_it_shows() {
        let kind = |url: &str| Reach::default().check_url(url).map_err(|error| error.kind());
        assert!(kind("https://issuer.example/keys").is_ok());
        for (url, expected) in [
            ("issuer.example/keys", ConfigErrorKind::KeyUrl),
            ("/keys", ConfigErrorKind::KeyUrl),
            ("file:///etc/passwd", ConfigErrorKind::KeyUrl),
            ("ftp://issuer.example/keys", ConfigErrorKind::KeyUrl),
            ("https://me:secret@issuer.example/keys", ConfigErrorKind::KeyUrl),
            ("http://issuer.example/keys", ConfigErrorKind::PlainKeyUrl),
            ("https://127.0.0.1/keys", ConfigErrorKind::PrivateKeyUrl),
            ("https://[::1]:8443/keys", ConfigErrorKind::PrivateKeyUrl),
            ("https://169.254.169.254/keys", ConfigErrorKind::PrivateKeyUrl),
            ("https://[::ffff:10.0.0.1]/keys", ConfigErrorKind::PrivateKeyUrl),
        ] {
            assert_eq!(kind(url), Err(expected), "{url}");
        }
        for url in [
            "https://me:secret@issuer.example/keys",
            "https://me:secret word@issuer.example/keys",
            "ftp://me:secret@issuer.example/keys",
            "me:secret@issuer.example/keys",
        ] {
            let error = Reach::default().check_url(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(!shown(url).contains("secret"));
        }
        let lax = Reach { http: true, private: true, ..Reach::default() };
        assert!(lax.check_url("http://127.0.0.1:1/keys").is_ok());
    }
}
