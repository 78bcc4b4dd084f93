//! Where the address of a caller is.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tower_ready_core::Head;

use crate::AuthBuilder;

impl AuthBuilder {
    /// Where hyper servers leave it.
    pub(super) fn usual_sources(self) -> Self {
        self.source(|head| head.extensions().get().map(SocketAddr::ip))
            .source(|head| head.extensions().get().copied())
    }

    /// Another place where the address of a caller may be, looked at before those that were there
    /// before. Behind a proxy, ask whoever knows which header to believe. Default: a `SocketAddr`
    /// or an `IpAddr` in the extensions of the request, where a hyper server leaves it. A request
    /// of which no address is known is not throttled.
    pub fn source(
        mut self,
        source: impl Fn(&Head<'_>) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.sources.insert(0, Arc::new(source));
        self
    }

    /// Also looks where axum leaves the address: `ConnectInfo<SocketAddr>`, which
    /// `into_make_service_with_connect_info` puts there.
    #[cfg(feature = "axum")]
    pub fn axum_source(self) -> Self {
        self.source(|head| {
            let info = head.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>();
            info.map(|info| info.0.ip())
        })
    }

    /// Also looks where tonic's server leaves the address: `TcpConnectInfo`.
    #[cfg(feature = "tonic")]
    pub fn tonic_source(self) -> Self {
        self.source(|head| {
            let info = head.extensions().get::<tonic::transport::server::TcpConnectInfo>();
            Some(info?.remote_addr()?.ip())
        })
    }
}
