use std::{fmt, sync::Arc};

use tower_ready_core::{Head, Instant, Route};

use super::{
    Edge, Sampler, Spans, Tracing,
    baggage::AllowedBaggage,
    edge::Trust,
    tracing::{Choice, Policy},
};
use crate::{
    ConfigError,
    labels::Methods,
    log::{AccessLog, AccessLogBuilder},
};

/// Puts a [`Tracing`] together.
#[must_use = "nothing is traced until the policy is built"]
pub struct TracingBuilder {
    trust: Trust,
    ratio: f64,
    spans: Spans,
    has_request_ids: bool,
    baggage: AllowedBaggage,
    methods: Methods,
    route: Option<Choice>,
    #[cfg(feature = "tracing-opentelemetry")]
    grpc: Option<crate::GrpcMethods>,
    log: Option<AccessLogBuilder>,
}

impl TracingBuilder {
    pub(super) fn new() -> Self {
        Self {
            trust: Trust::default(),
            ratio: 1.0,
            spans: Spans::All,
            has_request_ids: true,
            baggage: AllowedBaggage::default(),
            methods: Methods::default(),
            route: None,
            #[cfg(feature = "tracing-opentelemetry")]
            grpc: None,
            log: Some(AccessLog::builder()),
        }
    }

    /// Whether what callers say of traces and ids is believed. Default: [`Edge::Untrusted`].
    pub fn edge(mut self, edge: Edge) -> Self {
        self.trust = Trust { edge, condition: None };
        self
    }

    /// Believes the callers for whom this holds, by the address of a proxy or by the certificate that
    /// a layer further out has left in the extensions.
    pub fn trust_if(
        mut self,
        condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.trust.condition = Some(Box::new(condition));
        self
    }

    /// Which share of the traces that begin here is sampled, from 0.0 to 1.0. Whether one that a
    /// trusted caller began is sampled is for that caller to say. Default: all.
    pub fn sample(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// Which requests have a span. Default: [`Spans::All`].
    pub fn spans(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// Whether each request has an id, in its header `x-request-id` and in that of its answer.
    /// Default: yes. Say no where another layer does this.
    pub fn request_ids(mut self, enabled: bool) -> Self {
        self.has_request_ids = enabled;
        self
    }

    /// The keys of W3C Baggage that go on: past an untrusted edge, and with calls on behalf of a
    /// request. Default: none. Baggage may hold what is not for others, and anybody can write it.
    pub fn baggage(mut self, keys: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.baggage.allow(keys);
        self
    }

    /// The methods of HTTP that lines and spans tell by name, in place of the default ones: those of
    /// RFC 9110, `PATCH` and `QUERY`. Any other is `_OTHER`.
    pub fn known_methods<M: Into<Box<str>>>(
        mut self,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.methods = Methods::new(methods);
        self
    }

    /// Names the route of a request, a template and never a path, where no router has left it: on
    /// hyper, say. Default: the [`Route`] in the extensions of the request or of its answer, that of
    /// the slot in the request, and under the feature `axum` its `MatchedPath`.
    pub fn route(
        mut self,
        choose: impl Fn(&Head<'_>) -> Option<Route> + Send + Sync + 'static,
    ) -> Self {
        self.route = Some(Box::new(choose));
        self
    }

    /// The methods of gRPC that spans of OpenTelemetry are named by; a call of any other is `_OTHER`.
    /// Default: those of calls that reached a service which knows them, as far as an answer tells: a
    /// scanner could make up more, where an interceptor answers in place of the service.
    #[cfg(feature = "tracing-opentelemetry")]
    pub fn grpc(mut self, methods: crate::GrpcMethods) -> Self {
        self.grpc = Some(methods);
        self
    }

    /// What is logged of each request. Default: all that [`AccessLog`] has by default.
    pub fn access_log(mut self, log: AccessLogBuilder) -> Self {
        self.log = Some(log);
        self
    }

    /// Logs no requests.
    pub fn no_access_log(mut self) -> Self {
        self.log = None;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<Tracing, ConfigError> {
        self.baggage.check()?;
        self.methods.check()?;
        let log = self.log.map(AccessLogBuilder::build).transpose()?;
        // The first read of the clock takes its time.
        let _ = Instant::now();
        Ok(Tracing(Arc::new(Policy {
            trust: self.trust,
            sampler: Sampler::new(self.ratio, "sample")?,
            spans: self.spans,
            has_request_ids: self.has_request_ids,
            baggage: self.baggage,
            methods: self.methods,
            route: self.route,
            #[cfg(feature = "tracing-opentelemetry")]
            grpc: self.grpc.as_ref().map(crate::labels::GrpcNames::new),
            log: log.map(Arc::new),
        })))
    }
}

impl fmt::Debug for TracingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingBuilder")
            .field("edge", &self.trust)
            .field("sample", &self.ratio)
            .field("spans", &self.spans)
            .field("request_ids", &self.has_request_ids)
            .field("baggage", &self.baggage)
            .field("access_log", &self.log)
            .finish_non_exhaustive()
    }
}
