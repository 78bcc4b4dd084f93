use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Response};
use tower_ready_core::{Protocol, RequestId, TraceId};

use crate::{
    Caller, Problem, ProblemLayer, ProblemType, ProblemsBuilder,
    error::ProblemError,
    foreign,
    problem::Kind,
    render::{Context, DEFAULT_BASE, DEFAULT_DOMAIN, Options},
    types,
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type Map = Box<dyn Fn(&(dyn Error + 'static)) -> Option<Problem> + Send + Sync>;
pub(crate) type Observer = Box<dyn Fn(&ProblemEvent<'_>) + Send + Sync>;

/// How a service speaks of its problems: what it calls them, which errors are which problem, and
/// who hears of them.
///
/// A cheap handle: clone it, make layers of it and the pages of its types.
#[derive(Clone, Default)]
pub struct Problems(Arc<Config>);

pub(crate) struct Config {
    pub(crate) base: String,
    pub(crate) domain: String,
    pub(crate) options: Options,
    pub(crate) maps: Vec<Map>,
    pub(crate) catalogue: Vec<&'static ProblemType>,
    pub(crate) rewrite: bool,
    pub(crate) max_text: usize,
    pub(crate) observer: Option<Observer>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base: DEFAULT_BASE.to_owned(),
            domain: DEFAULT_DOMAIN.to_owned(),
            options: Options::default(),
            maps: Vec::new(),
            catalogue: types::ALL.to_vec(),
            rewrite: true,
            max_text: 8 * 1024,
            observer: None,
        }
    }
}

/// A problem that is being answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProblemEvent<'a> {
    /// The problem, with what only the log may see.
    pub problem: &'a Problem,
    /// The protocol of the answer.
    pub protocol: Protocol,
    /// The path that was asked for.
    pub path: Option<&'a str>,
    /// The id of the request.
    pub request_id: &'a RequestId,
    /// The trace of the request.
    pub trace_id: Option<TraceId>,
    /// The id under which the answer hides something.
    pub error_id: Option<&'a RequestId>,
}

impl Problems {
    /// Starts from the defaults.
    pub fn builder() -> ProblemsBuilder {
        ProblemsBuilder::default()
    }

    pub(crate) fn from_config(config: Config) -> Self {
        Self(Arc::new(config))
    }

    /// A layer that speaks so.
    pub fn layer(&self) -> ProblemLayer {
        ProblemLayer::new(self.clone())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0
    }

    /// The problem that this error is, if anybody knows: the user's maps first, then our own, each
    /// along the whole chain of sources.
    fn known(&self, error: &(dyn Error + 'static)) -> Option<Problem> {
        chain(error)
            .find_map(|error| self.0.maps.iter().find_map(|map| map(error)))
            .or_else(|| chain(error).find_map(foreign::known_error))
    }

    /// What a failed service is answered with.
    pub(crate) fn of_error(&self, error: BoxError, otherwise: &'static ProblemType) -> Problem {
        match error.downcast::<ProblemError>() {
            Ok(problem) => problem.0,
            Err(error) => {
                self.known(&*error).unwrap_or_else(|| Problem::new(otherwise).source(error))
            }
        }
    }

    /// What an error that came through `?` really is.
    fn resolve(&self, problem: Problem) -> Problem {
        let unresolved = matches!(problem.0.kind, Kind::Named(kind) if *kind == types::INTERNAL);
        let source = problem.0.source.as_deref().filter(|_| unresolved);
        source.and_then(|source| self.known(source)).unwrap_or(problem)
    }

    /// Answers, and tells the log and the observer.
    pub(crate) fn answer(
        &self,
        problem: Problem,
        caller: &Caller,
        earlier: Option<HeaderMap>,
    ) -> Response<Bytes> {
        let problem = self.resolve(problem);
        let carried = caller.request_id().or_else(|| RequestId::of(earlier.as_ref()?));
        let is_new = carried.is_none();
        let request_id = carried.unwrap_or_else(RequestId::generate);
        let error_id = self.report(&problem, caller, &request_id);
        let context = Context {
            base: &self.0.base,
            domain: &self.0.domain,
            path: caller.path(),
            request_id: Some(&request_id),
            trace_id: caller.trace_id(),
            error_id: error_id.as_ref(),
            options: self.0.options,
        };
        let mut response = problem.render(caller.protocol, caller.head_only, &context, earlier);
        if is_new {
            let headers = response.headers_mut();
            headers.insert(RequestId::HEADER, request_id.into_header_value());
        }
        response
    }

    /// Tells the log and the observer of a problem, and returns the id by which they know it.
    pub(crate) fn report(
        &self,
        problem: &Problem,
        caller: &Caller,
        request_id: &RequestId,
    ) -> Option<RequestId> {
        let hides = problem.http_status().is_server_error() && problem.has_internals();
        let error_id = (hides || self.0.options.occurrence_urn).then(RequestId::generate);
        let event = ProblemEvent {
            problem,
            protocol: caller.protocol,
            path: caller.path(),
            request_id,
            trace_id: caller.trace_id(),
            error_id: error_id.as_ref(),
        };
        #[cfg(feature = "tracing")]
        if hides {
            event.log();
        }
        if let Some(observer) = &self.0.observer {
            observer(&event);
        }
        error_id
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(feature = "tracing")]
impl ProblemEvent<'_> {
    /// One line for each answer that hides something.
    fn log(&self) {
        tracing::error!(
            target: "tower_ready_problem",
            error_id = self.error_id.map(RequestId::as_str),
            request_id = self.request_id.as_str(),
            trace_id = self.trace_id.map(tracing::field::display),
            code = &*self.problem.reason(),
            status = self.problem.http_status().as_u16(),
            path = self.path,
            error = self.problem.internals(),
            "a request failed"
        );
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems")
            .field("base", &self.0.base)
            .field("domain", &self.0.domain)
            .field("maps", &self.0.maps.len())
            .finish_non_exhaustive()
    }
}
