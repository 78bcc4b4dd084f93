//! What runs while the tour is on.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use axum::{Router, routing::post};
use http::{HeaderName, StatusCode, header::RETRY_AFTER};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tonic::{metadata::AsciiMetadataValue, transport::Channel};
use tower_ready_ratelimit::Quota;

use super::{
    captured::Captured,
    http::{Answer, Call},
    seen::Fault,
};
use crate::{
    flags::{StackFlags, TrustHeader},
    host,
    http::App,
    listen::listen,
    log::{self, Format},
    proto::orders_client::OrdersClient,
    stack::Stack,
};

/// Few enough to be used up in a moment, and for so long that none comes back while we look.
const QUOTA: Quota = Quota::new(5, Duration::from_secs(600));

/// The servers, and clients for them.
pub(super) struct Stage {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    /// A limiter that knows only HTTP, in front of gRPC: bare, and behind our problem layer.
    plain: SocketAddr,
    mended: SocketAddr,
    pub(super) log: Captured,
    pub(super) app: App,
    clients: AtomicU16,
    pub(super) serving: JoinHandle<()>,
    // Its end is the end of the others, however the tour ends.
    _others: JoinSet<()>,
}

impl Stage {
    /// Starts everything on free loopback ports.
    pub(super) async fn start() -> Result<Self, Fault> {
        let log = Captured::default();
        log::start(Format::Text, log.clone());
        let flags = StackFlags {
            ip_quota: QUOTA,
            // The tour is the proxy that names clients: it has no other address than loopback's.
            trust_proxy: vec!["127.0.0.0/8".to_owned()],
            trust_header: TrustHeader::XForwardedFor,
            timeout: Duration::from_secs(1),
            max_in_flight: 4,
        };
        let stack = Stack::new(&flags).map_err(|refusal| refusal.to_string())?;
        let app = App::new(stack.problems().clone());

        let (http_listener, http) = open()?;
        let (grpc_listener, grpc) = open()?;
        let (plain_listener, plain) = open()?;
        let (mended_listener, mended) = open()?;
        let bare = Router::new().route("/orders.v1.Orders/Get", post(bare_429));
        let behind_ours = bare.clone().layer(stack.problems().layer());

        let serving = host::serve_axum(http_listener, stack.clone(), app.clone());
        let serving = tokio::spawn(serving);
        let mut others = JoinSet::new();
        others.spawn(host::serve_tonic(grpc_listener, stack, app.clone()));
        others.spawn(serve(plain_listener, bare));
        others.spawn(serve(mended_listener, behind_ours));
        Ok(Self {
            http,
            grpc,
            plain,
            mended,
            log,
            app,
            clients: AtomicU16::new(0),
            serving,
            _others: others,
        })
    }

    /// Sends over HTTP, on a connection of its own, and as a client of its own where none is named.
    pub(super) async fn send(&self, mut call: Call) -> Result<Answer, Fault> {
        let shown = call.clone();
        if !call.is_from_somebody() {
            call = call.from(&self.somebody());
        }
        Ok(call.send(self.http).await?.to(shown))
    }

    /// A tonic client of the service.
    pub(super) async fn orders(&self) -> Result<OrdersClient<Channel>, Fault> {
        client(self.grpc).await
    }

    /// A tonic client of a method in front of which lies a limiter that knows only HTTP.
    pub(super) async fn behind_plain_limiter(&self) -> Result<OrdersClient<Channel>, Fault> {
        client(self.plain).await
    }

    /// The same, and our problem layer in front of that.
    pub(super) async fn behind_mended_limiter(&self) -> Result<OrdersClient<Channel>, Fault> {
        client(self.mended).await
    }

    /// A gRPC request, as a client of its own where none is named.
    pub(super) fn request<T>(
        &self,
        message: T,
        from: Option<&str>,
    ) -> Result<tonic::Request<T>, Fault> {
        let client = from.map_or_else(|| self.somebody(), str::to_owned);
        let mut request = tonic::Request::new(message);
        let client = AsciiMetadataValue::try_from(client)?;
        request.metadata_mut().insert("x-forwarded-for", client);
        Ok(request)
    }

    /// An address that nobody had before, of the range for such things (RFC 2544).
    fn somebody(&self) -> String {
        let [high, low] = self.clients.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(198, 18, high, low).to_string()
    }
}

fn open() -> Result<(TcpListener, SocketAddr), Fault> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn client(to: SocketAddr) -> Result<OrdersClient<Channel>, Fault> {
    Ok(OrdersClient::connect(format!("http://{to}")).await?)
}

async fn serve(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "a server of the tour failed");
    }
}

/// What limiters answer that have never heard of gRPC.
async fn bare_429() -> (StatusCode, [(HeaderName, &'static str); 1]) {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "3")])
}
