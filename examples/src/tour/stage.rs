//! What runs while the tour is on.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header::RETRY_AFTER};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tonic::{metadata::AsciiMetadataValue, transport::Channel};
use tower_ready_core::RequestId;
use tower_ready_ratelimit::Quota;
use tower_ready_shutdown::{Lifecycle, Report, Timings};

use super::{
    calls::FlakyUpstream,
    captured::Captured,
    http::{Answer, Call},
    seen::Fault,
};
use crate::{
    credentials::{AUDIENCE, Claims, ISSUER, Signer, dev_signer, in_seconds},
    flags::{Refusal, Source, StackFlags},
    host,
    http::App,
    listen::listen,
    proto::orders_client::OrdersClient,
    stack::{DevCredentials, Stack},
    telemetry::{self, Format},
    upstream::Upstream,
};

/// Few enough to be used up in a moment, and for so long that none comes back while we look.
const QUOTA: Quota = Quota::new(5, Duration::from_secs(600));

/// How long the servers serve on once their end has begun: longer than a step needs to look.
const LAME_DUCK: Duration = Duration::from_millis(500);

/// How long a service that failed is left alone: long enough to be seen, and short enough to wait.
const BREAKER_OPEN: Duration = Duration::from_millis(400);

/// How long a token of the tour is good.
const FIVE_MINUTES: i64 = 300;

/// The servers, and clients for them.
pub(super) struct Stage {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    /// A limiter that knows only HTTP, in front of gRPC: bare, and behind our problem layer.
    plain: SocketAddr,
    mended: SocketAddr,
    /// What the service calls.
    pub(super) upstream: FlakyUpstream,
    pub(super) log: Captured,
    pub(super) app: App,
    signer: Signer,
    /// The API key that the servers printed, had they been started alone.
    pub(super) api_key: String,
    clients: AtomicU16,
    pub(super) serving: JoinHandle<Report>,
    // Its end is the end of the others, however the tour ends.
    _others: JoinSet<()>,
}

impl Stage {
    /// Starts everything on free loopback ports.
    pub(super) async fn start() -> Result<Self, Fault> {
        let log = Captured::default();
        telemetry::start(Format::Text, log.clone(), None);
        let upstream = FlakyUpstream::default();
        let (upstream_listener, upstream_address) = open()?;
        let configured = configure(upstream_address).await;
        let (stack, dev, app) = configured.map_err(|refusal| refusal.to_string())?;

        let (http_listener, http) = open()?;
        let (grpc_listener, grpc) = open()?;
        let (plain_listener, plain) = open()?;
        let (mended_listener, mended) = open()?;
        let bare = Router::new().route("/orders.v1.Orders/Get", post(bare_429));
        let behind_ours = bare.clone().layer(stack.problems().layer());

        let on_axum = host::serve_axum(http_listener, stack.clone(), app.clone());
        let on_tonic = host::serve_tonic(grpc_listener, stack, app.clone());
        let lifecycle = app.lifecycle.clone();
        let serving = tokio::spawn(async move {
            lifecycle.run(async { tokio::join!(on_axum, on_tonic).0 }).await
        });
        let mut others = JoinSet::new();
        others.spawn(serve(upstream_listener, upstream.router()));
        others.spawn(serve(plain_listener, bare));
        others.spawn(serve(mended_listener, behind_ours));
        Ok(Self {
            http,
            grpc,
            plain,
            mended,
            upstream,
            log,
            app,
            signer: dev_signer()?,
            api_key: dev.api_key.unwrap_or_default(),
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

    /// A token of this subject, that is good for these.
    pub(super) fn token(&self, sub: &str, scope: &str, roles: &[&str]) -> Result<String, Fault> {
        self.signer.sign(&Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: sub.to_owned(),
            jti: RequestId::generate().to_string(),
            iat: in_seconds(0),
            exp: in_seconds(FIVE_MINUTES),
            scope: scope.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        })
    }

    /// A token of somebody new, with every scope.
    pub(super) fn somebodys_token(&self) -> Result<String, Fault> {
        let sub = format!("somebody-{}", self.clients.load(Ordering::Relaxed));
        self.token(&sub, "orders:read orders:write", &[])
    }

    /// An order of somebody new; the body is of that media type.
    pub(super) fn order(&self, media_type: &str, body: &'static str) -> Result<Call, Fault> {
        let call = Call::new(Method::POST, "/orders").header("content-type", media_type);
        Ok(call.body(Bytes::from_static(body.as_bytes())).by(&self.somebodys_token()?))
    }

    /// Somebody new reads an order.
    pub(super) fn order_7(&self) -> Result<Call, Fault> {
        Ok(Call::get("/orders/7").by(&self.somebodys_token()?))
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

    /// A gRPC request with a token, as a client of its own where none is named.
    pub(super) fn request<T>(
        &self,
        message: T,
        from: Option<&str>,
    ) -> Result<tonic::Request<T>, Fault> {
        let client = from.map_or_else(|| self.somebody(), str::to_owned);
        let mut request = tonic::Request::new(message);
        let client = AsciiMetadataValue::try_from(client)?;
        request.metadata_mut().insert("x-forwarded-for", client);
        let token = format!("Bearer {}", self.somebodys_token()?);
        request.metadata_mut().insert("authorization", token.parse()?);
        Ok(request)
    }

    /// An address that nobody had before, of the range for such things (RFC 2544).
    fn somebody(&self) -> String {
        let [high, low] = self.clients.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Ipv4Addr::new(198, 18, high, low).to_string()
    }
}

async fn configure(upstream: SocketAddr) -> Result<(Stack, DevCredentials, App), Refusal> {
    let mut flags = StackFlags::take(&mut Source::new([], |_| None, &[])?)?;
    flags.limits.quota = QUOTA;
    flags.limits.ip_quota = QUOTA;
    // The tour is the proxy that names clients: it has no other address than loopback's.
    flags.limits.trust_proxy = vec!["127.0.0.0/8".to_owned()];
    flags.timeout = Duration::from_secs(1);
    flags.max_in_flight = 4;
    flags.upstream.base = format!("http://{upstream}").parse().ok();
    flags.upstream.breaker_open = BREAKER_OPEN;
    // Nobody sends signals here: the tour itself begins the end.
    let lifecycle = Lifecycle::builder()
        .timings(Timings::new(LAME_DUCK, Duration::from_secs(3)))
        .build()
        .map_err(|error| Refusal::new("the tour", error))?;
    let (stack, dev) = Stack::new(&flags, &lifecycle, None).await?;
    let upstream = Upstream::new(&flags.upstream, &stack)?;
    let app = App::new(stack.problems().clone(), upstream, lifecycle);
    Ok((stack, dev, app))
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
