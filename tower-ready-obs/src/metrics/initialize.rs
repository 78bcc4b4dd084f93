//! Series that are there before anybody asks.

use std::borrow::Cow;

use http::{Method, StatusCode};
use tower_ready_core::{Route, grpc::Code};

use super::Metrics;
use crate::{
    labels::{ErrorType, GrpcMethod, Version},
    series::{
        key::{Key, Kind},
        names::Name,
    },
    verdict,
};

impl Metrics {
    /// Shows a route before it has been asked for: a rate from nothing to one is seen only if there
    /// was a zero before.
    ///
    /// Of each status there are two series, for HTTP/1.1 and for HTTP/2.
    pub fn initialize(
        &self,
        method: &Method,
        route: impl Into<Cow<'static, str>>,
        statuses: impl IntoIterator<Item = StatusCode>,
    ) {
        let state = self.state();
        let route = match route.into() {
            Cow::Borrowed(route) => Route::from_static(route),
            Cow::Owned(route) => Route::from(route.as_str()),
        };
        let name = state.names.get_or_insert(route.as_str(), || route.clone());
        for status in statuses {
            let is_error = status.is_server_error();
            for version in [Version::Http11, Version::Http2] {
                let key = Key {
                    method: state.methods.name(method),
                    version,
                    name,
                    status: Some(status),
                    error: if is_error { ErrorType::Status } else { ErrorType::None },
                    ..self.blank(Kind::HttpServer)
                };
                state.series.get_or_insert(key.pack(), || state.make(key));
            }
        }
    }

    /// Shows a method of gRPC before it has been called, with these codes.
    ///
    /// A method that is not one of the [known](crate::MetricsBuilder::grpc) ones is left out.
    pub fn initialize_grpc(&self, method: &str, codes: impl IntoIterator<Item = Code>) {
        let state = self.state();
        let GrpcMethod::Known { name, is_stream } = state.grpc.find(method) else {
            return;
        };
        for code in codes {
            let is_error = verdict::is_of_server(code);
            let key = Key {
                method: state.methods.name(&Method::POST),
                version: Version::Http2,
                name,
                code: Some(code),
                error: if is_error { ErrorType::Code } else { ErrorType::None },
                ..self.blank(Kind::RpcServer)
            };
            state.series.get_or_insert(key.pack(), || state.make(key));
            if is_stream {
                let key = Key { is_stream, ..key };
                state.series.get_or_insert(key.pack(), || state.make(key));
            }
        }
    }

    fn blank(&self, kind: Kind) -> Key {
        let state = self.state();
        Key {
            kind,
            is_stream: false,
            method: state.methods.name(&Method::GET),
            scheme: state.scheme,
            version: Version::Unknown,
            name: Name::NONE,
            peer: Name::NONE,
            status: None,
            code: None,
            error: ErrorType::None,
        }
    }
}
