use http::Method;

use crate::{ConfigError, ConfigErrorKind};

/// The methods of RFC 9110, of RFC 5789, and `QUERY`: what OpenTelemetry's conventions know.
const KNOWN: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "QUERY", "CONNECT", "TRACE"];

/// The methods that are told by name. Any other is `_OTHER`, however a caller spells it.
#[derive(Clone, Debug)]
pub(crate) struct Methods(Box<[Box<str>]>);

/// The number of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodName(u8);

impl MethodName {
    /// How many there can be.
    pub(crate) const COUNT: usize = Methods::MAX + 1;

    const OTHER: Self = Self(Methods::MAX as u8);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Methods {
    /// How many can be told by name.
    pub(crate) const MAX: usize = 15;

    pub(crate) fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether there is room for all of them, and each is a method.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let is_method = |name: &str| Method::from_bytes(name.as_bytes()).is_ok();
        match self.0.len() <= Self::MAX && self.0.iter().all(|name| is_method(name)) {
            true => Ok(()),
            false => Err(ConfigError::new(ConfigErrorKind::KnownMethods)),
        }
    }

    /// Whether a method is told by name.
    #[cfg(feature = "tracing")]
    pub(crate) fn knows(&self, method: &Method) -> bool {
        self.name(method) != MethodName::OTHER
    }

    /// Methods differ by case (RFC 9110 §9.1).
    #[inline]
    pub(crate) fn name(&self, method: &Method) -> MethodName {
        let method = method.as_str();
        let known = self.0.iter().position(|known| **known == *method);
        known.map_or(MethodName::OTHER, |index| MethodName(index as u8))
    }

    /// The text of a method.
    pub(crate) fn text(&self, name: MethodName) -> &str {
        self.0.get(name.index()).map_or("_OTHER", |name| name)
    }

    /// Every method that has a name, and `_OTHER`.
    pub(crate) fn names(&self) -> impl Iterator<Item = MethodName> + use<> {
        (0..self.0.len() as u8).map(MethodName).chain([MethodName::OTHER])
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self::new(KNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_methods_have_a_name() {
        let methods = Methods::default();
        let text = |method: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            methods.text(methods.name(&method)).to_owned()
        };
        assert_eq!(text("GET"), "GET");
        assert_eq!(text("QUERY"), "QUERY");
        for other in ["get", "GETX", "PROPFIND", "A", "_OTHER"] {
            assert_eq!(text(other), "_OTHER", "{other}");
        }
        let methods = Methods::new(["PROPFIND"]);
        assert_eq!(methods.text(methods.name(&Method::GET)), "_OTHER");
    }
}
