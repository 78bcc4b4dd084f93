use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Response, StatusCode, Version, header::CONTENT_ENCODING, uri::PathAndQuery};
use tower_ready_core::{
    End, Guard, Instant, LocalRejection, Protocol, Route, RouteSlot, grpc::Code,
};

use super::{Outcome, current::Current, outcome::Answered};
#[cfg(feature = "tracing-opentelemetry")]
use crate::log::text::bounded_path;
use crate::{
    grpc_web::WebStatus,
    labels,
    log::{AccessLog, Noted},
    verdict,
};

/// Which side of an exchange this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Follows one exchange to its end, and tells the log and the span how it went.
///
/// It is boxed, since it is there only when somebody listens, and moves with every answer.
pub(crate) struct Watched {
    pub(crate) side: Side,
    pub(crate) current: Current,
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) exported: Option<super::otel::Exported>,
    /// Whether the method that is called was declared, where any was.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) grpc: Option<labels::GrpcMethod>,
    pub(crate) log: Option<Logged>,
    pub(crate) method: Method,
    /// Whether the method is told by name: callers may write any.
    pub(crate) is_known: bool,
    pub(crate) target: Option<PathAndQuery>,
    pub(crate) http_version: Version,
    pub(crate) protocol: Protocol,
    pub(crate) route: Option<Route>,
    pub(crate) slot: Option<RouteSlot>,
    pub(crate) begun: Instant,
    /// How long the head of the answer took.
    pub(crate) head: Option<Duration>,
    pub(crate) bytes: u64,
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<Code>,
    /// The trailers of gRPC-Web.
    pub(crate) web: Option<WebStatus>,
    pub(crate) rejection: Option<LocalRejection>,
}

/// The log that gets the line, and what it has noted of the request.
pub(crate) struct Logged {
    pub(crate) log: Arc<AccessLog>,
    pub(crate) noted: Noted,
}

impl Guard for Box<Watched> {
    #[inline]
    fn head<B>(&mut self, response: &mut Response<B>) {
        Watched::head(self, response);
    }

    #[inline]
    fn data(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
        if let Some(web) = &mut self.web {
            web.read(data);
        }
    }

    fn ends_by_unwinding(&self) -> bool {
        self.side == Side::Server
    }

    #[inline]
    fn end(self, end: End<'_>) {
        self.finish(&end);
    }
}

impl Watched {
    fn head<B>(&mut self, response: &Response<B>) {
        self.head = Some(Instant::now().since(self.begun));
        self.status = Some(response.status());
        if verdict::is_rpc(self.protocol) {
            self.code = Code::among(response.headers());
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            // What passes is compressed.
            self.web = None;
        }
        let extensions = response.extensions();
        if !extensions.is_empty() {
            self.rejection = extensions.get().copied();
            self.route = extensions.get().or(self.route.as_ref()).cloned();
        }
    }

    #[cold]
    fn finish(mut self: Box<Self>, end: &End<'_>) {
        let total = Instant::now().since(self.begun);
        if self.route.is_none() {
            self.route = self.slot.as_ref().and_then(RouteSlot::get).cloned();
        }
        let Self { side, protocol, status, code, .. } = *self;
        let web = self.web.as_ref();
        let outcome = Outcome::of(&Answered { side, protocol, status, code, web }, end);
        if let Some(Logged { log, noted }) = &self.log {
            log.write(&self, noted, &outcome, total);
        }
        #[cfg(feature = "tracing-opentelemetry")]
        if let Some(exported) = &self.exported {
            exported.finish(&self, &outcome);
        }
    }

    /// The method, if it is one that is told by name.
    pub(crate) fn known_method(&self) -> Option<&str> {
        Some(self.method.as_str()).filter(|_| self.is_known)
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The query, which is shown to nobody as it is.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.as_ref().and_then(PathAndQuery::query)
    }

    /// The name of the route, if it is known: never a path.
    pub(crate) const fn route(&self) -> Option<&Route> {
        self.route.as_ref()
    }

    /// In the words of `network.protocol.version`.
    pub(crate) fn version(&self) -> Option<&'static str> {
        labels::Version::of(self.http_version).as_str()
    }
}

#[cfg(feature = "tracing-opentelemetry")]
impl Watched {
    /// The method of gRPC that was called, if it is one: callers may write any.
    pub(super) fn rpc_method(&self, outcome: &Outcome) -> Option<String> {
        use labels::GrpcMethod::{Candidate, Known, Unknown};

        let is_known = match self.grpc {
            Some(Known { .. }) => true,
            Some(Candidate) => outcome.code == Some(Code::Ok),
            Some(Unknown) => false,
            None if self.side == Side::Client => true,
            // Somebody else may have answered, or nobody.
            None => {
                let is_answered = self.status.is_some() && self.rejection.is_none();
                is_answered && outcome.code != Some(Code::Unimplemented)
            }
        };
        self.path().strip_prefix('/').filter(|_| is_known).map(|it| bounded_path(it).into_owned())
    }

    /// The name of the span, from a set that callers cannot grow.
    pub(super) fn name(&self, outcome: &Outcome) -> String {
        if self.protocol.is_grpc() {
            return self.rpc_method(outcome).unwrap_or_else(|| "_OTHER".to_owned());
        }
        // OpenTelemetry's conventions for HTTP: a method that nobody knows is `HTTP` in a name.
        let method = self.known_method().unwrap_or("HTTP");
        match self.route() {
            Some(route) => format!("{method} {}", route.as_str()),
            None => method.to_owned(),
        }
    }
}

#[cfg(feature = "tracing-opentelemetry")]
impl Side {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}
