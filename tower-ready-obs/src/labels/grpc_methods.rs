use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tower_ready_core::Route;

use super::descriptors::{self, DescriptorError};
use crate::series::names::{Name, Names};

/// The methods of gRPC that are told by name. Any other is `_OTHER`, since a caller may ask for
/// whatever it likes.
///
/// ```
/// use tower_ready_obs::GrpcMethods;
///
/// let methods = GrpcMethods::new()
///     .service("orders.v1.Orders", ["Get", "Create"])
///     .streaming("orders.v1.Orders", ["Watch"])
///     .learn("grpc.reflection.v1.ServerReflection");
/// ```
#[derive(Clone, Debug, Default)]
pub struct GrpcMethods {
    pub(crate) methods: HashMap<Box<str>, Declared>,
    pub(crate) learned: Vec<Box<str>>,
}

/// A method that was declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) is_stream: bool,
}

/// What a path says of the method that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcMethod {
    Known {
        name: Name,
        is_stream: bool,
    },
    /// A name that is known if the call is good.
    Candidate,
    Unknown,
}

impl GrpcMethods {
    /// None as yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The methods of a service: `orders.v1.Orders`, which is also what tonic's
    /// `NamedService::NAME` says.
    #[must_use]
    pub fn service<M: AsRef<str>>(
        self,
        service: &str,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.declare(service, methods, false)
    }

    /// The methods of a service whose calls last: their durations are kept apart.
    #[must_use]
    pub fn streaming<M: AsRef<str>>(
        self,
        service: &str,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.declare(service, methods, true)
    }

    /// A service whose methods are learned by calls that end with `OK`, 64 of them at most. Until
    /// then they are `_OTHER`.
    #[must_use]
    pub fn learn(mut self, service: impl Into<Box<str>>) -> Self {
        self.learned.push(service.into());
        self
    }

    /// All that an encoded `FileDescriptorSet` holds, which is also what tonic's reflection takes.
    /// Methods of which either side streams are those that last.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_descriptor_set(bytes: &[u8]) -> Result<Self, DescriptorError> {
        let mut methods = Self::new();
        for method in descriptors::methods(bytes)? {
            methods = methods.declare(&method.service, [&method.name], method.is_stream);
        }
        Ok(methods)
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.methods.extend(other.methods);
        self.learned.extend(other.learned);
        self
    }

    fn declare<M: AsRef<str>>(
        mut self,
        service: &str,
        methods: impl IntoIterator<Item = M>,
        is_stream: bool,
    ) -> Self {
        for method in methods {
            let name = format!("{service}/{}", method.as_ref());
            self.methods.insert(name.into(), Declared { is_stream });
        }
        self
    }
}

/// The methods that have a name, and what may yet be learned.
pub(crate) struct GrpcNames {
    names: Names,
    streams: Box<[Name]>,
    learned: Box<[Learned]>,
    /// Held by who learns, since many calls of one method may be the first.
    learning: Mutex<()>,
}

struct Learned {
    service: Box<str>,
    left: AtomicUsize,
}

/// How many methods of a service are learned.
const MAX_LEARNED: usize = 64;

/// The longest method that is learned.
const MAX_LEN: usize = 128;

impl GrpcNames {
    pub(crate) fn new(methods: &GrpcMethods) -> Self {
        let names = Names::new(methods.methods.len() + methods.learned.len() * MAX_LEARNED);
        let mut streams = Vec::new();
        for (method, declared) in &methods.methods {
            let name = names.get_or_insert(method, || Route::from(&**method));
            if declared.is_stream {
                streams.push(name);
            }
        }
        let learned = methods.learned.iter();
        let learned =
            learned.map(|it| Learned { service: it.clone(), left: MAX_LEARNED.into() }).collect();
        Self { names, streams: streams.into(), learned, learning: Mutex::default() }
    }

    /// The method that a path calls.
    #[inline]
    pub(crate) fn find(&self, path: &str) -> GrpcMethod {
        let method = path.strip_prefix('/').unwrap_or(path);
        match self.names.get(method) {
            Some(name) => GrpcMethod::Known { name, is_stream: self.streams.contains(&name) },
            None if self.candidate(method).is_some() => GrpcMethod::Candidate,
            None => GrpcMethod::Unknown,
        }
    }

    /// The name of a method that was called with success.
    pub(crate) fn learn(&self, path: &str) -> Name {
        let method = path.strip_prefix('/').unwrap_or(path);
        let _learning = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = self.names.get(method) {
            return name;
        }
        match self.candidate(method) {
            Some(service) => {
                service.left.fetch_sub(1, Relaxed);
                self.names.get_or_insert(method, || Route::from(method))
            }
            None => Name::OTHER,
        }
    }

    pub(crate) fn text(&self, name: Name) -> Option<&str> {
        self.names.text(name)
    }

    fn candidate(&self, method: &str) -> Option<&Learned> {
        if self.learned.is_empty() {
            return None;
        }
        let (service, name) = method.rsplit_once('/')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !matches!(name.len(), 1..=MAX_LEN) || !name.bytes().all(is_name) {
            return None;
        }
        let mut learned = self.learned.iter();
        learned.find(|it| *it.service == *service && it.left.load(Relaxed) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_known_when_it_is_declared_or_was_called_with_success() {
        let methods =
            GrpcMethods::new().service("a.B", ["Get"]).streaming("a.B", ["Watch"]).learn("c.D");
        let names = GrpcNames::new(&methods);
        let text = |path| match names.find(path) {
            GrpcMethod::Known { name, is_stream } => (names.text(name), is_stream),
            GrpcMethod::Candidate => (Some("candidate"), false),
            GrpcMethod::Unknown => (None, false),
        };
        assert_eq!(text("/a.B/Get"), (Some("a.B/Get"), false));
        assert_eq!(text("/a.B/Watch"), (Some("a.B/Watch"), true));
        for unknown in ["/a.B/Put", "/x.Y/Get", "/c.D/", "/c.D/a b", "/c.D/E/F", "", "/"] {
            assert_eq!(text(unknown), (None, false), "{unknown}");
        }
        assert_eq!(text("/c.D/Get"), (Some("candidate"), false));
        assert_eq!(names.text(names.learn("/c.D/Get")), Some("c.D/Get"));
        assert_eq!(text("/c.D/Get"), (Some("c.D/Get"), false));
        for n in 0..200 {
            names.learn(&format!("/c.D/M{n}"));
        }
        assert_eq!(text("/c.D/M62"), (Some("c.D/M62"), false));
        assert_eq!(text("/c.D/M63"), (None, false));
        assert_eq!(names.learn("/x.Y/Z"), Name::OTHER);
    }

    #[test]
    fn a_method_is_learned_once_however_many_calls_were_the_first() {
        let names = GrpcNames::new(&GrpcMethods::new().learn("c.D"));
        for _ in 0..200 {
            assert_eq!(names.text(names.learn("/c.D/Get")), Some("c.D/Get"));
        }
        assert_eq!(names.text(names.learn("/c.D/Put")), Some("c.D/Put"));
    }
}
