use std::{error::Error, fmt};

use http::Uri;

use crate::{Problem, ProblemEvent, ProblemType, Problems, problems::Config};

/// Sets up [`Problems`]. Everything has a default.
#[must_use = "a builder does nothing until `build`"]
#[derive(Default)]
pub struct ProblemsBuilder {
    config: Config,
}

/// Why [`ProblemsBuilder::build`] refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    value: String,
}

/// The settings that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// `base` is neither an absolute path nor an absolute `http` or `https` URI.
    Base,
    /// `domain` is empty or has characters that are not of a host name.
    Domain,
    /// Two types in the catalogue have one name.
    DuplicateType,
}

impl ProblemsBuilder {
    /// Where the pages of the types live: an absolute URI such as `https://api.example.com`, under
    /// which `type` members are absolute too, or a path. Default: none, which makes references such
    /// as `/problems/NAME`.
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.config.base = base.into();
        if !self.config.base.ends_with('/') {
            self.config.base.push('/');
        }
        self.config.base.push_str("problems/");
        self
    }

    /// The domain of gRPC's `ErrorInfo`: the name of the service. Default: `tower-ready`.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.config.domain = domain.into();
        self
    }

    /// The problem that an error of this type is, wherever it comes from: a layer that fails, or a
    /// handler that uses `?`. Maps are asked in the order in which they were given, before those
    /// that this crate knows by itself. Default: none.
    pub fn map<E: Error + 'static>(
        mut self,
        map: impl Fn(&E) -> Problem + Send + Sync + 'static,
    ) -> Self {
        self.config.maps.push(Box::new(move |error| error.downcast_ref().map(&map)));
        self
    }

    /// More types for the pages. Default: those of [`types`](crate::types).
    pub fn types(mut self, types: impl IntoIterator<Item = &'static ProblemType>) -> Self {
        self.config.catalogue.extend(types);
        self
    }

    /// Whether plain-text and empty error bodies of others become problems. Default: yes.
    pub fn rewrite_foreign(mut self, rewrite: bool) -> Self {
        self.config.rewrite = rewrite;
        self
    }

    /// The longest text of a foreign error that becomes a detail. Default: 8 KiB.
    pub fn max_foreign_text(mut self, bytes: usize) -> Self {
        self.config.max_text = bytes;
        self
    }

    /// Whether `instance` is a URN of the occurrence, `urn:uuid:` and its `error_id`, instead of
    /// the path of the request. Every problem then has an `error_id`. Default: no.
    pub fn occurrence_urns(mut self, on: bool) -> Self {
        self.config.options.occurrence_urn = on;
        self
    }

    /// Whether callers see what is for the log alone. For development; off even in debug builds
    /// unless asked for. Default: no.
    pub fn expose_internals(mut self, on: bool) -> Self {
        self.config.options.expose_internals = on;
        self
    }

    /// Hears of every problem that is answered. Default: nobody.
    pub fn on_problem(
        mut self,
        observer: impl Fn(&ProblemEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.config.observer = Some(Box::new(observer));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, with its name and what would be right.
    pub fn build(self) -> Result<Problems, ConfigError> {
        let Config { base, domain, catalogue, .. } = &self.config;
        let given = base.strip_suffix("problems/").unwrap_or(base);
        if !is_base(given) {
            return Err(ConfigError::new(ConfigErrorKind::Base, given));
        }
        let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if domain.is_empty() || !domain.bytes().all(host) {
            return Err(ConfigError::new(ConfigErrorKind::Domain, domain));
        }
        for (n, kind) in catalogue.iter().enumerate() {
            let same = |other: &&&ProblemType| other.name() == kind.name();
            if catalogue[..n].iter().any(|other| same(&other)) {
                return Err(ConfigError::new(ConfigErrorKind::DuplicateType, kind.name()));
            }
        }
        Ok(Problems::from_config(self.config))
    }
}

/// Whether what follows leads to our own pages.
fn is_base(base: &str) -> bool {
    // `Uri` takes more for a path than RFC 3986 does, and drops fragments in silence.
    let foreign = |byte: u8| !byte.is_ascii_graphic() || br#""<>\^`{|}#?"#.contains(&byte);
    if base.bytes().any(foreign) {
        return false;
    }
    // RFC 3986 §4.2: after two slashes comes another host.
    if base.starts_with('/') {
        return !base.starts_with("//");
    }
    base.parse::<Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
}

impl ConfigError {
    fn new(kind: ConfigErrorKind, value: &str) -> Self {
        Self { kind, value: value.to_owned() }
    }

    /// Which setting is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        match self.kind {
            ConfigErrorKind::Base => write!(
                f,
                "base {value:?} is neither a path nor an absolute URI: give one such as \
                 \"/api\" or \"https://api.example.com\""
            ),
            ConfigErrorKind::Domain => write!(
                f,
                "domain {value:?} is no host name: give one such as \"orders.example.com\""
            ),
            ConfigErrorKind::DuplicateType => {
                write!(f, "two problem types are named {value:?}: rename one of them")
            }
        }
    }
}

impl Error for ConfigError {}

impl fmt::Debug for ProblemsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProblemsBuilder").field("base", &self.config.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(base: &str) -> Result<Problems, ConfigError> {
        Problems::builder().base(base).build()
    }

    #[test]
    fn a_base_is_a_path_or_an_address() {
        for good in
            ["", "/", "/api", "/api/", "/a%20b", "https://example.com", "http://[::1]:80/v1"]
        {
            base(good).unwrap();
        }
    }

    #[test]
    fn a_base_that_would_lead_elsewhere_is_refused_as_it_was_given() {
        for bad in [
            "api",
            "//evil.example",
            "https://",
            "https:///api",
            "https://example.com#top",
            "/api#top",
            "/api?v=1",
            "https://example.com?v=1",
            "ftp://example.com",
            "/two words",
            "/\u{2713}",
            "/{version}",
            "/\"",
        ] {
            let error = base(bad).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::Base);
            assert!(!error.to_string().contains("problems/"), "{error}");
        }
    }
}
