//! One fetch of a set.

use std::{fs, io, path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{
        ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER,
        USER_AGENT,
    },
};
use http_body_util::Full;

use super::{Config, Origin};
use crate::{ConfigError, KeySet, jwt::json::Object, outbound::Outbound};

pub(super) struct Client {
    outbound: Outbound,
    bearer: Option<PathBuf>,
}

/// A set that came, or that the old one is still good.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: Option<KeySet>,
    pub(super) etag: Option<HeaderValue>,
    pub(super) max_age: Option<Duration>,
}

/// Why none came, for the log, and how long the server asks to be left alone.
#[derive(Debug)]
pub(super) struct Failure {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "it is for the log"))]
    pub(super) why: String,
    pub(super) retry_after: Option<Duration>,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, retry_after: None }
    }
}

impl Client {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        // Minutes lie between two fetches, so no connection is kept.
        Ok(Self { outbound: Outbound::new(&config.reach, 0)?, bearer: config.bearer.clone() })
    }

    /// The URL of the keys, from the metadata of an issuer if need be.
    pub(super) async fn key_url(&self, config: &Config) -> Result<Uri, Failure> {
        let (name, documents) = match &config.origin {
            Origin::Keys(uri) => return Ok(uri.clone()),
            Origin::Issuer { name, documents } => (name, documents),
        };
        let mut last = Failure::from("it has no metadata".to_owned());
        for document in documents {
            match self.get(document, None).await {
                Ok((_, body)) => return key_url_in(&body, name, document, config),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    pub(super) async fn keys(
        &self,
        uri: &Uri,
        etag: Option<&HeaderValue>,
    ) -> Result<Fetched, Failure> {
        let (headers, body) = self.get(uri, etag).await?;
        let keys = match headers.status {
            StatusCode::NOT_MODIFIED => None,
            _ => Some(KeySet::from_published(&body).map_err(|error| error.to_string())?),
        };
        Ok(Fetched { keys, etag: headers.map.get(ETAG).cloned(), max_age: max_age(&headers.map) })
    }

    async fn get(&self, uri: &Uri, etag: Option<&HeaderValue>) -> Result<(Head, Bytes), Failure> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("tower-ready-auth"));
        if let Some(etag) = etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        if let Some(path) = self.bearer.clone() {
            headers.insert(AUTHORIZATION, bearer(path).await?);
        }
        let response = self.outbound.send(request).await?;
        let (parts, body) = response.into_parts();
        let unchanged = parts.status == StatusCode::NOT_MODIFIED && etag.is_some();
        // A redirect is an answer like any other that is not good: who can make one could else lead
        // us anywhere.
        if parts.status != StatusCode::OK && !unchanged {
            return Err(Failure {
                why: format!("the answer is {}", parts.status),
                retry_after: seconds(parts.headers.get(RETRY_AFTER)),
            });
        }
        if !unchanged && !may_be_json(&parts.headers) {
            return Err("the answer is no JSON by its type".to_owned().into());
        }
        let body = self.outbound.read(body).await?;
        let head = Head { status: parts.status, map: parts.headers };
        Ok((head, body))
    }
}

/// The URL of the keys that the metadata of an issuer name.
fn key_url_in(body: &[u8], name: &str, document: &Uri, config: &Config) -> Result<Uri, Failure> {
    let metadata = Object::parse(body).ok_or_else(|| "the metadata are no JSON".to_owned())?;
    let text = |name: &str| metadata.get(name)?.as_str();
    // OpenID Connect Discovery §4.3: exactly the same, or it is the metadata of another.
    if text("issuer") != Some(name) {
        return Err("the metadata are of another issuer".to_owned().into());
    }
    let url = text("jwks_uri").ok_or_else(|| "the metadata name no keys".to_owned())?;
    let uri = config.reach.check_url(url).map_err(|error| error.to_string())?;
    let is_same = uri.authority() == document.authority() && uri.scheme() == document.scheme();
    let host = uri.host().unwrap_or_default();
    if !is_same && !config.key_hosts.iter().any(|known| **known == *host) {
        return Err(format!("the keys are on another host, {host:?}").into());
    }
    Ok(uri)
}

struct Head {
    status: StatusCode,
    map: HeaderMap,
}

async fn bearer(path: PathBuf) -> Result<HeaderValue, Failure> {
    // A file may hang, and a task must not.
    let read = tokio::task::spawn_blocking(move || fs::read_to_string(path)).await;
    let failure =
        |_| Failure::from("the token for the server of the keys cannot be read".to_owned());
    let token = read.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failure)?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| "the token for the server of the keys is none".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether an answer may be a set by its type. A page or an image is none, whatever is in it: others
/// than the issuer may be able to put such on its host. Plain files are served as text or bytes.
fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let plain = ["application/json", "application/octet-stream", "text/plain", "text/json"];
    kind.ends_with("+json") || plain.contains(&&*kind)
}

/// `max-age` of RFC 9111 §5.2.2.1.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_max_age = name.eq_ignore_ascii_case("max-age");
        let seconds = value.trim_matches('"').parse().ok()?;
        is_max_age.then_some(Duration::from_secs(seconds))
    })
}

fn seconds(value: Option<&HeaderValue>) -> Option<Duration> {
    let seconds = value?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn a_page_is_no_set() {
        assert!(may_be_json(&HeaderMap::new()));
        for kind in ["application/json; charset=utf-8", "application/jwk-set+json", "text/PLAIN"] {
            assert!(may_be_json(&with("content-type", kind)), "{kind}");
        }
        for kind in ["text/html", "text/html; x=application/json", "image/png", "", "json"] {
            assert!(!may_be_json(&with("content-type", kind)), "{kind}");
        }
    }

    #[test]
    fn the_age_is_read_among_other_directives() {
        let age = |value: &str| max_age(&with("cache-control", value)).map(|age| age.as_secs());
        assert_eq!(age("public, Max-Age=300, must-revalidate"), Some(300));
        assert_eq!(age("max-age=\"60\""), Some(60));
        for value in ["no-store", "max-age", "max-age=", "max-age=-1", "s-maxage=7", "xmax-age=7"] {
            assert_eq!(age(value), None, "{value}");
        }
        assert_eq!(seconds(Some(&HeaderValue::from_static("120"))), Some(Duration::from_secs(120)));
        assert_eq!(seconds(Some(&HeaderValue::from_static("soon"))), None);
    }
}
