//! Layers that answer errors, in the right way and in wrong ones.

use std::{
    convert::Infallible,
    mem,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body_util::{Either, Empty};
use tower_layer::layer_fn;
use tower_ready_testing::contract::{Contract, Inner, ScriptedBody};
use tower_service::Service;

use crate::toy::{Ask, Boxed};

const FAILING: &str = "an error of readiness reaches the caller";
const ERROR: &str = "an error of the inner service reaches the caller";

/// Answers every error with 502.
struct Answers {
    inner: Inner,
    failed: bool,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Right,
    ClonesStayFailed,
    CallsWhatFailed,
    AnswersWithSuccess,
}

impl Clone for Answers {
    fn clone(&self) -> Self {
        let failed = self.failed && self.way == Way::ClonesStayFailed;
        Self { inner: self.inner.clone(), failed, way: self.way }
    }
}

impl Service<Ask> for Answers {
    type Response = Response<Either<ScriptedBody, Empty<bytes::Bytes>>>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.failed |= ready!(Service::<Ask>::poll_ready(&mut self.inner, cx)).is_err();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Ask) -> Self::Future {
        let failed = mem::take(&mut self.failed) && self.way != Way::CallsWhatFailed;
        let status = if self.way == Way::AnswersWithSuccess { 200 } else { 502 };
        let answer = move || {
            let body = Either::Right(Empty::new());
            Ok(Response::builder().status(status).body(body).unwrap())
        };
        if failed {
            return Box::pin(async move { answer() });
        }
        let call = self.inner.call(request);
        Box::pin(async move {
            match call.await {
                Ok(response) => Ok(response.map(Either::Left)),
                Err(_) => answer(),
            }
        })
    }
}

async fn rules_broken_by(way: Way, contract: Contract) -> Vec<&'static str> {
    let make = || layer_fn(move |inner| Answers { inner, failed: false, way });
    contract.violations(make).await.iter().map(|violation| violation.rule).collect()
}

#[tokio::test]
async fn answering_errors_is_right_when_it_is_meant() {
    let contract = Contract::new().answers_errors();
    assert_eq!(rules_broken_by(Way::Right, contract).await, [""; 0]);
}

#[tokio::test]
async fn answering_errors_unasked_is_found() {
    let broken = rules_broken_by(Way::Right, Contract::new()).await;
    assert!(broken.contains(&ERROR) && broken.contains(&FAILING), "{broken:?}");
}

#[tokio::test]
async fn a_failure_that_sticks_to_clones_is_found() {
    let contract = Contract::new().answers_errors();
    assert_eq!(rules_broken_by(Way::ClonesStayFailed, contract).await, [FAILING]);
}

#[tokio::test]
async fn calling_what_failed_is_found() {
    let contract = Contract::new().answers_errors();
    assert_eq!(rules_broken_by(Way::CallsWhatFailed, contract).await, [FAILING]);
}

#[tokio::test]
async fn answering_an_error_with_success_is_found() {
    let contract = Contract::new().answers_errors();
    assert_eq!(rules_broken_by(Way::AnswersWithSuccess, contract).await, [FAILING, ERROR]);
}
