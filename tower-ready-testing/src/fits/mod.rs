//! Proves that a layer compiles and works wherever a user may put it.

use http::StatusCode;
use tower_http::{
    catch_panic::{CatchPanicLayer, DefaultResponseForPanic},
    classify::{ServerErrorsAsFailures, SharedClassifier},
    compression::CompressionLayer,
    trace::TraceLayer,
};
use tower_layer::Stack;

use crate::{Call, Server};

mod axum;
mod hyper;
mod tonic;

pub use self::hyper::{Hello, Proxy};

/// Puts a layer everywhere: on each host, six deep, between the layers of tower-http, on a single
/// route, on a single gRPC service, in a gRPC client, and before a proxy. Each place is served over a
/// real socket and called.
///
/// It is used in a `#[tokio::test]`. A second argument makes the calls ones that the layer lets
/// pass; the layer has to let about sixty of them pass.
///
/// ```
/// use tower_layer::Identity;
/// use tower_ready_testing::{Call, assert_fits_every_host};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_fits_every_host!(Identity::new());
/// assert_fits_every_host!(Identity::new(), |call: Call| call.header("x-user", "me"));
/// # }
/// ```
///
/// That it compiles is most of what it proves: a layer that asks an answer's body for `Default`
/// fits axum but not hyper's `Incoming`, one that asks it for `From<Bytes>` does not fit tonic, and
/// one that returns errors of its own does not fit axum.
///
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use tower_ready_testing::assert_fits_every_host;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // It answers with a body by `Default`.
/// let late = http::StatusCode::GATEWAY_TIMEOUT;
/// assert_fits_every_host!(
///     tower_http::timeout::TimeoutLayer::with_status_code(late, Duration::from_secs(1))
/// );
/// # }
/// ```
#[macro_export]
macro_rules! assert_fits_every_host {
    ($layer:expr $(,)?) => {
        $crate::assert_fits_every_host!($layer, |call| call)
    };
    ($layer:expr, $prepare:expr $(,)?) => {{
        use $crate::fits::{Fit, mixed, six};

        let layer = $layer;
        let fit = Fit::new($prepare);
        fit.axum(six(&layer)).await;
        fit.axum(mixed(&layer)).await;
        fit.axum_in_six_calls(&layer).await;
        fit.axum_in_every_place(&layer).await;
        fit.tonic_in_axum(six(&layer)).await;
        fit.tonic_in_axum(mixed(&layer)).await;
        fit.tonic(six(&layer)).await;
        fit.tonic(mixed(&layer)).await;
        fit.tonic_on_one_service(six(&layer)).await;
        fit.tonic_client(six(&layer)).await;
        fit.hyper(six(&layer)).await;
        fit.hyper(mixed(&layer)).await;
        fit.hyper_with_full_bodies(six(&layer)).await;
        fit.hyper_as_proxy(six(&layer)).await;
    }};
}

/// The places of [`assert_fits_every_host!`](crate::assert_fits_every_host), each with the bounds
/// of its host.
#[derive(Debug)]
pub struct Fit<P> {
    prepare: P,
}

/// A layer six deep.
pub type Six<L> = Stack<L, Stack<L, Stack<L, Stack<L, Stack<L, L>>>>>;

/// A layer inside and outside those of tower-http that change the body of an answer.
pub type Mixed<L> = Stack<L, Stack<Panics, Stack<CompressionLayer, Stack<Traces, L>>>>;

type Panics = CatchPanicLayer<DefaultResponseForPanic>;
type Traces = TraceLayer<SharedClassifier<ServerErrorsAsFailures>>;

/// Stacks a layer six deep.
pub fn six<L: Clone>(layer: &L) -> Six<L> {
    let next = || layer.clone();
    let three = Stack::new(next(), Stack::new(next(), next()));
    Stack::new(next(), Stack::new(next(), Stack::new(next(), three)))
}

/// Stacks a layer inside and outside those of tower-http.
pub fn mixed<L: Clone>(layer: &L) -> Mixed<L> {
    let outside = Stack::new(TraceLayer::new_for_http(), layer.clone());
    let compressed = Stack::new(CompressionLayer::new(), outside);
    Stack::new(layer.clone(), Stack::new(CatchPanicLayer::new(), compressed))
}

// === impl Fit ===

impl<P: Fn(Call) -> Call> Fit<P> {
    /// Calls are made by `prepare` into ones that the layer lets pass.
    pub const fn new(prepare: P) -> Self {
        Self { prepare }
    }

    /// Makes the calls that show that a layer disturbs nothing.
    async fn call(&self, server: &Server, place: &str) {
        let reply = server.call((self.prepare)(Call::ok())).await;
        assert!(reply.is_ok() && reply.text() == "ok", "{place}: {reply:?}");
        let reply = server.call((self.prepare)(Call::stream(2))).await;
        assert!(reply.is_ok() && reply.messages().len() == 2, "{place}: {reply:?}");
        let failure = Call::fail(StatusCode::CONFLICT, 10, "taken");
        server.call((self.prepare)(failure)).await.assert_rejected(StatusCode::CONFLICT, 10);
        assert_eq!(server.hits(), 3, "{place}");
    }
}
