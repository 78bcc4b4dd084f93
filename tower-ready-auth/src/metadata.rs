use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use serde::Serialize;
use tower_service::Service;

use crate::{ConfigError, ConfigErrorKind};

/// What this service tells clients that have no token yet: who issues them, and for which scopes
/// (RFC 9728). Clients of the Model Context Protocol find their way by it.
///
/// It is a service of its own, at [`path`](Self::path) and without authentication;
/// [`AuthBuilder::resource_metadata`](crate::AuthBuilder::resource_metadata) names its
/// [`url`](Self::url) in each challenge.
///
/// ```
/// use tower_ready_auth::ResourceMetadata;
///
/// let metadata = ResourceMetadata::new(
///     "https://api.example.com/orders",
///     ["https://issuer.example"],
///     ["orders:read", "orders:write"],
/// )?;
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/orders");
/// # Ok::<(), tower_ready_auth::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    path: Arc<str>,
    url: Arc<str>,
    document: Bytes,
}

#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    authorization_servers: Vec<String>,
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
}

impl ResourceMetadata {
    /// The metadata of this resource, which clients compare exactly with what they asked for, of
    /// these issuers and scopes.
    ///
    /// # Errors
    ///
    /// When the resource is no absolute URL without query and fragment (RFC 9728 §1.2).
    pub fn new<I: Into<String>, T: Into<String>>(
        resource: &str,
        issuers: impl IntoIterator<Item = I>,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let error = || ConfigError::new(ConfigErrorKind::Resource).about(resource);
        let uri: Uri = resource.parse().map_err(|_| error())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(error());
        };
        if uri.query().is_some() || resource.contains('#') || !scheme.starts_with("http") {
            return Err(error());
        }
        // §3.1: between host and path; the slash of an empty path is left out.
        let rest = if uri.path() == "/" { "" } else { uri.path() };
        let path = format!("/.well-known/oauth-protected-resource{rest}");
        let url = format!("{scheme}://{authority}{path}");
        let document = serde_json::to_vec(&Document {
            resource,
            authorization_servers: issuers.into_iter().map(Into::into).collect(),
            scopes_supported: scopes.into_iter().map(Into::into).collect(),
            bearer_methods_supported: ["header"],
        });
        Ok(Self {
            path: path.into(),
            url: url.into(),
            document: document.map_err(|_| error())?.into(),
        })
    }

    /// Where it belongs on this server.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn answer(&self, method: &Method) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        if method != Method::GET && method != Method::HEAD {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
        // It is for everybody, and clients in browsers read it too.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if method == Method::GET {
            *response.body_mut() = Full::new(self.document.clone());
        }
        response
    }
}

impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(resource: &str) -> Result<ResourceMetadata, ConfigError> {
        ResourceMetadata::new(resource, ["https://issuer.example"], ["a"])
    }

    #[test]
    fn the_path_stands_between_host_and_path() {
        for (resource, url) in [
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
            (
                "https://a.example:8443/b/c",
                "https://a.example:8443/.well-known/oauth-protected-resource/b/c",
            ),
        ] {
            let metadata = new(resource).unwrap();
            assert_eq!(metadata.url(), url);
            assert!(url.ends_with(metadata.path()));
        }
        for resource in
            ["/a", "a.example", "https://a.example/?b", "https://a.example/#b", "ftp://a.example/"]
        {
            assert!(new(resource).is_err(), "{resource}");
        }
    }

    #[test]
    fn the_document_names_the_resource_as_it_was_given() {
        let metadata = new("https://a.example/").unwrap();
        let document: serde_json::Value = serde_json::from_slice(&metadata.document).unwrap();
        assert_eq!(document["resource"], "https://a.example/");
        assert_eq!(document["authorization_servers"][0], "https://issuer.example");
        let answer = metadata.answer(&Method::GET);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        let refused = metadata.answer(&Method::POST);
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
    }
}
