//! What the toy layers share.

use std::pin::Pin;

use http::{Request, Response};
use tower_layer::layer_fn;
use tower_ready_testing::contract::{Contract, Inner, InnerError, ScriptedBody, Subject};

pub(crate) type Answer = Result<Response<ScriptedBody>, InnerError>;
pub(crate) type Ask = Request<ScriptedBody>;
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The rules that a toy breaks.
pub(crate) async fn rules_broken_by<S: Subject>(make: fn(Inner) -> S) -> Vec<&'static str> {
    let violations = Contract::new().violations(|| layer_fn(make)).await;
    violations.iter().map(|violation| violation.rule).collect()
}

/// Forwards `poll_ready` and names the types of a toy over `self.0`.
macro_rules! ready_inside {
    ($future:ty) => {
        type Response = http::Response<tower_ready_testing::contract::ScriptedBody>;
        type Error = tower_ready_testing::contract::InnerError;
        type Future = $future;

        fn poll_ready(
            &mut self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            tower_service::Service::<crate::toy::Ask>::poll_ready(&mut self.0, cx)
        }
    };
}
pub(crate) use ready_inside;
