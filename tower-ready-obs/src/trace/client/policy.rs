use std::{fmt, sync::Arc};

use tower_ready_core::Head;

use crate::{
    ClientTraceLayer, ConfigError, Spans,
    trace::{Sampler, layer::Condition},
};

/// What a client tells the servers that it calls.
///
/// ```
/// use tower_ready_obs::ClientTracing;
///
/// let tracing = ClientTracing::builder()
///     .when(|head| head.uri().host().is_some_and(|host| host.ends_with(".internal")))
///     .build()?;
/// let layer = tracing.layer();
/// # Ok::<(), tower_ready_obs::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ClientTracing(pub(super) Arc<Policy>);

pub(super) struct Policy {
    pub(super) sampler: Sampler,
    pub(super) spans: Spans,
    pub(super) has_request_ids: bool,
    #[cfg(feature = "tracing-opentelemetry")]
    pub(super) methods: crate::labels::Methods,
    pub(super) condition: Option<Condition>,
}

/// Puts a [`ClientTracing`] together.
#[must_use = "nothing is told until the policy is built"]
pub struct ClientTracingBuilder {
    ratio: f64,
    spans: Spans,
    has_request_ids: bool,
    condition: Option<Condition>,
}

impl ClientTracing {
    /// Starts from the defaults: every call has a span and tells the server of the trace and the
    /// request id.
    pub const fn builder() -> ClientTracingBuilder {
        ClientTracingBuilder {
            ratio: 1.0,
            spans: Spans::All,
            has_request_ids: true,
            condition: None,
        }
    }

    /// A layer of this policy.
    pub fn layer(&self) -> ClientTraceLayer {
        ClientTraceLayer::new(self.clone())
    }
}

impl ClientTracingBuilder {
    /// Which share of the traces that begin with a call is sampled, from 0.0 to 1.0. Default: all.
    pub const fn sample(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// Which calls have a span. Default: [`Spans::All`].
    pub const fn spans(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// Whether servers are told the request id. Default: yes.
    pub const fn request_ids(mut self, enabled: bool) -> Self {
        self.has_request_ids = enabled;
        self
    }

    /// Tells nothing to servers for which this does not hold: those of others need not know of our
    /// traces. Default: all are told.
    pub fn when(mut self, condition: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, with its name and what to do.
    pub fn build(self) -> Result<ClientTracing, ConfigError> {
        Ok(ClientTracing(Arc::new(Policy {
            sampler: Sampler::new(self.ratio, "sample")?,
            spans: self.spans,
            has_request_ids: self.has_request_ids,
            #[cfg(feature = "tracing-opentelemetry")]
            methods: crate::labels::Methods::default(),
            condition: self.condition,
        })))
    }
}

impl fmt::Debug for ClientTracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTracing")
            .field("spans", &self.0.spans)
            .field("request_ids", &self.0.has_request_ids)
            .field("conditional", &self.0.condition.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientTracingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTracingBuilder")
            .field("sample", &self.ratio)
            .field("spans", &self.spans)
            .field("request_ids", &self.has_request_ids)
            .field("conditional", &self.condition.is_some())
            .finish()
    }
}
