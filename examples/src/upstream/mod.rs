//! The client side: the stack of layers around calls to another service.
//!
//! Outside in: a deadline for the whole, what remains of the request that is being served; retries
//! within a budget; traces and metrics; a circuit for each authority; a timeout for each attempt; a pool of connections.

mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, request::Parts};
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tower::{ServiceBuilder, ServiceExt, retry::budget::TpsBudget, util::BoxCloneSyncService};
use tower_ready_breaker::{Backoff, Breaker, RetryPolicy, by_authority};
use tower_ready_deadline::ClientDeadlines;
use tower_ready_obs::ClientTracing;
use tower_ready_problem::Problem;

use crate::{
    flags::{Refusal, UpstreamFlags},
    http::{Body, stream_body},
    stack::Stack,
};

/// The longest that an upstream is left alone.
const LONGEST_OPEN: Duration = Duration::from_secs(30);

/// Another service, which this one calls.
#[derive(Clone)]
pub(crate) struct Upstream {
    base: Uri,
    // Boxed, since the type of five layers would be longer than the file.
    client: BoxCloneSyncService<Request<Empty<Bytes>>, Response<Body>, Error>,
}

impl Upstream {
    /// A client, where there is somebody to call.
    pub(crate) fn new(flags: &UpstreamFlags, stack: &Stack) -> Result<Option<Self>, Refusal> {
        let breaker = Breaker::builder("upstream")
            // Five in a row, or half of at least twenty in ten seconds, which is the default.
            .consecutive_failures(5)
            .open_for(Backoff::exponential(
                flags.breaker_open,
                LONGEST_OPEN.max(flags.breaker_open),
            ))
            .successes_to_close(2)
            .on_event(stack.events().clone())
            .build_keyed(by_authority)
            .map_err(|error| Refusal::new("--breaker-open", error))?;
        let refuse = |error| Refusal::new("--upstream-timeout", error);
        let whole = ClientDeadlines::builder().build().map_err(refuse)?;
        let attempt = ClientDeadlines::builder().attempt(flags.timeout).build().map_err(refuse)?;

        let tracing = ClientTracing::builder().build();
        let tracing = tracing.map_err(|error| Refusal::new("--upstream", error))?;

        // Of calls that were good in ten seconds a fifth may be made again, and two a second always:
        // without a budget an upstream that is down would get three times the load.
        let budget = TpsBudget::new(Duration::from_secs(10), 2, 0.2);
        let again = RetryPolicy::new(2)
            .backoff(Backoff::exponential(Duration::from_millis(20), flags.timeout))
            .max_wait(flags.timeout)
            .budget(budget);

        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(flags.timeout));
        let transport = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build::<_, Empty<Bytes>>(connector);

        let client = ServiceBuilder::new()
            .boxed_clone_sync()
            .map_response(|answer: Response<_>| answer.map(stream_body))
            // For the whole of it: nobody waits longer than the caller.
            .layer(whole.layer())
            // Around the breaker, so that an open circuit ends the attempts.
            .retry(again)
            // Each attempt is a span of its own, and tells the upstream of our trace and request id.
            .layer(tracing.layer())
            .layer(stack.metrics().client_layer())
            // Hears of every attempt, also of those that timed out, unless a caller was in a hurry.
            .layer(breaker.layer())
            // So that one that hangs leaves time for another.
            .layer(attempt.layer())
            .map_response(wire::answer)
            .service(transport);
        Ok(flags.base.clone().map(|base| Self { base, client }))
    }

    /// Calls the upstream for a request that is being served.
    pub(crate) async fn get(&self, path: &str, head: &Parts) -> Result<Response<Body>, Problem> {
        let request = wire::request(&self.base, path, head)?;
        // When it refused the connection, or broke it before its head, there is no answer.
        let gone = |error| Problem::status(StatusCode::BAD_GATEWAY).source(error);
        self.client.clone().oneshot(request).await.map_err(gone)
    }
}
