//! Connections, and who is trusted at their other end.

use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{Reach, address::Resolver};
use crate::{ConfigError, ConfigErrorKind};

pub(super) type Connector = HttpsConnector<HttpConnector<Resolver>>;

pub(super) fn connector(reach: &Reach) -> Result<Connector, ConfigError> {
    let mut http = HttpConnector::new_with_resolver(Resolver { private: reach.private });
    http.enforce_http(false);
    http.set_connect_timeout(Some(reach.timeout));
    // A provider of our own: the one of the process may not be there, or be two.
    let provider = aws_lc_rs::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let tls = match &reach.roots {
        Some(pem) => builder.with_tls_config(trusting(provider, pem)?),
        None => builder
            .with_provider_and_native_roots(provider)
            .map_err(|error| ConfigError::new(ConfigErrorKind::Roots).about(&error.to_string()))?,
    };
    Ok(if reach.http {
        tls.https_or_http().enable_http1().wrap_connector(http)
    } else {
        tls.https_only().enable_http1().wrap_connector(http)
    })
}

/// Trusts those whom these certificates vouch for, and no others.
fn trusting(provider: CryptoProvider, pem: &str) -> Result<ClientConfig, ConfigError> {
    let error = |error: &dyn ToString| {
        ConfigError::new(ConfigErrorKind::Certificates).about(&error.to_string())
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|it| error(&it))?;
        roots.add(certificate).map_err(|it| error(&it))?;
    }
    if roots.is_empty() {
        return Err(error(&"there is none"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|it| error(&it))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
