use std::fmt;

/// The name of a label: as OpenTelemetry's semantic conventions have it, and as Prometheus does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attribute {
    open_telemetry: &'static str,
    prometheus: &'static str,
}

/// Under which name the status of a gRPC call is told.
///
/// The conventions for RPC are a release candidate, and rename it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcStatusKey {
    /// `rpc.response.status_code`, of versions 1.40 to 1.44.
    #[default]
    ResponseStatusCode,
    /// `rpc.status_code`, of versions to come.
    StatusCode,
}

impl Attribute {
    const fn new(open_telemetry: &'static str, prometheus: &'static str) -> Self {
        Self { open_telemetry, prometheus }
    }

    /// One that the conventions do not name.
    pub(crate) const fn own(open_telemetry: &'static str, prometheus: &'static str) -> Self {
        Self::new(open_telemetry, prometheus)
    }

    /// As OpenTelemetry writes it: `http.request.method`.
    #[must_use]
    pub const fn open_telemetry(self) -> &'static str {
        self.open_telemetry
    }

    /// As Prometheus writes it: `http_request_method`.
    #[must_use]
    pub const fn prometheus(self) -> &'static str {
        self.prometheus
    }
}

impl RpcStatusKey {
    pub(crate) const fn attribute(self) -> Attribute {
        match self {
            Self::ResponseStatusCode => {
                Attribute::new("rpc.response.status_code", "rpc_response_status_code")
            }
            Self::StatusCode => Attribute::new("rpc.status_code", "rpc_status_code"),
        }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribute({})", self.open_telemetry)
    }
}

pub(crate) const ERROR_TYPE: Attribute = Attribute::new("error.type", "error_type");
pub(crate) const METHOD: Attribute = Attribute::new("http.request.method", "http_request_method");
pub(crate) const STATUS: Attribute =
    Attribute::new("http.response.status_code", "http_response_status_code");
pub(crate) const ROUTE: Attribute = Attribute::new("http.route", "http_route");
pub(crate) const VERSION: Attribute =
    Attribute::new("network.protocol.version", "network_protocol_version");
pub(crate) const OVERFLOW: Attribute =
    Attribute::new("otel.metric.overflow", "otel_metric_overflow");
pub(crate) const RPC_METHOD: Attribute = Attribute::new("rpc.method", "rpc_method");
pub(crate) const RPC_SYSTEM: Attribute = Attribute::new("rpc.system.name", "rpc_system_name");
pub(crate) const SCHEME: Attribute = Attribute::new("url.scheme", "url_scheme");
pub(crate) const SERVER_ADDRESS: Attribute = Attribute::new("server.address", "server_address");
pub(crate) const SERVER_PORT: Attribute = Attribute::new("server.port", "server_port");
pub(crate) const LAYER: Attribute = Attribute::new("tower_ready.layer", "layer");
pub(crate) const REJECTION: Attribute = Attribute::new("tower_ready.rejection", "kind");
pub(crate) const PROBLEM: Attribute = Attribute::new("tower_ready.problem", "problem_type");
