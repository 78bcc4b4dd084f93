//! Settings that fit together, and what becomes of them.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use crate::{
    Auth, AuthBuilder, ConfigError, ConfigErrorKind, Dpop,
    auth::Inner,
    rejection::{Challenge, Scheme, is_quotable},
    throttle::Throttle,
};

impl AuthBuilder {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When there is no scheme, when two verifiers are for one issuer or one of several is for any,
    /// or when a setting is wrong.
    pub fn build(self) -> Result<Auth, ConfigError> {
        let error = |kind| Err(ConfigError::new(kind));
        if !self.takes_tokens() && self.api_keys.is_none() {
            return error(ConfigErrorKind::NoScheme);
        }
        let mut issuers = Vec::new();
        for verifier in &self.verifiers {
            if verifier.issuers().is_empty() && self.verifiers.len() > 1 {
                return error(ConfigErrorKind::NoIssuer);
            }
            for issuer in verifier.issuers() {
                if issuers.contains(issuer) {
                    return Err(ConfigError::new(ConfigErrorKind::DuplicateIssuer).about(issuer));
                }
                issuers.push(Arc::clone(issuer));
            }
        }
        if let Some(path) = self.open.iter().find(|path| !path.starts_with('/')) {
            return Err(ConfigError::new(ConfigErrorKind::Path).about(path));
        }
        if self.throttle.is_some_and(|(failures, period)| failures == 0 || period.is_zero()) {
            return error(ConfigErrorKind::Throttle);
        }
        if self.key_header == AUTHORIZATION {
            return error(ConfigErrorKind::KeyHeader);
        }
        let texts = [&self.realm, &self.resource_metadata];
        if let Some(text) = texts.into_iter().flatten().find(|text| !is_quotable(text)) {
            return Err(ConfigError::new(ConfigErrorKind::Challenge).about(text));
        }
        Ok(self.finish())
    }

    const fn takes_tokens(&self) -> bool {
        #[cfg(feature = "jwks-http")]
        if self.introspection.is_some() {
            return true;
        }
        !self.verifiers.is_empty()
    }

    pub(crate) fn finish(self) -> Auth {
        let scheme = if self.takes_tokens() { Scheme::Bearer } else { Scheme::ApiKey };
        let dpop = self.dpop.as_ref().map(Dpop::is_required);
        Auth(Arc::new(Inner {
            verifiers: self.verifiers,
            #[cfg(feature = "jwks-http")]
            introspection: self.introspection,
            forward: self.forward,
            dpop: self.dpop,
            certificates: self.certificates,
            key_header: self.api_keys.is_some().then_some(self.key_header),
            api_keys: self.api_keys,
            optional: self.optional,
            open: self.open,
            preflight: self.preflight,
            remove: self.remove,
            revocation: self.revocation,
            fail_open: self.fail_open,
            throttle: self.throttle.map(|(failures, period)| Throttle::new(failures, period)),
            sources: self.sources,
            observer: self.observer,
            challenge: Challenge::new(scheme, self.realm, self.resource_metadata).with_dpop(dpop),
        }))
    }
}
