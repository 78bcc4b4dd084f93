//! Layers that turn calls away in the wrong way.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tower_layer::layer_fn;
use tower_ready_testing::contract::{Contract, Inner, InnerError};
use tower_service::Service;

use crate::toy::{Ask, Boxed};

/// A layer that turns everything away, in one way or another.
#[derive(Clone)]
struct TurnsAway(Inner, Way);

#[derive(Clone, Copy)]
enum Way {
    Right,
    HoldsReadiness,
    CallsFirst,
    Fails,
    LiesAboutLength,
}

struct Text {
    left: Option<Bytes>,
    says: u64,
}

impl Service<Ask> for TurnsAway {
    type Response = Response<Text>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Boxed<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Ask>::poll_ready(&mut self.0, cx).map_err(Into::into)
    }

    fn call(&mut self, request: Ask) -> Self::Future {
        let says = if matches!(self.1, Way::LiesAboutLength) { 0 } else { 2 };
        let text = Text { left: Some(Bytes::from_static(b"no")), says };
        let answer = async move { Ok(Response::new(text)) };
        match self.1 {
            Way::HoldsReadiness => return answer.boxed(),
            Way::CallsFirst => return self.0.call(request).then(|_| answer).boxed(),
            Way::Fails => drop(self.0.call(request)),
            Way::Right | Way::LiesAboutLength => {
                let clone = self.0.clone();
                drop(mem::replace(&mut self.0, clone));
                return answer.boxed();
            }
        }
        async { Err("turned away".into()) }.boxed()
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = InnerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InnerError>>> {
        self.says = 0;
        Poll::Ready(self.left.take().map(|text| Ok(Frame::data(text))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.says)
    }
}

async fn rules_broken_by(way: Way) -> Vec<&'static str> {
    let make = || layer_fn(move |inner| TurnsAway(inner, way));
    let violations = Contract::new().rejection_violations(make).await;
    violations.iter().map(|violation| violation.rule).collect()
}

#[tokio::test]
async fn turning_away_with_an_answer_is_right() {
    assert_eq!(rules_broken_by(Way::Right).await, [""; 0]);
}

#[tokio::test]
async fn holding_readiness_is_found() {
    let broken = rules_broken_by(Way::HoldsReadiness).await;
    assert_eq!(broken, ["a rejection gives readiness back"]);
}

#[tokio::test]
async fn calling_before_deciding_is_found() {
    let broken = rules_broken_by(Way::CallsFirst).await;
    assert_eq!(broken, ["a rejection leaves the inner service alone"]);
}

#[tokio::test]
async fn failing_instead_of_answering_is_found() {
    let broken = rules_broken_by(Way::Fails).await;
    assert_eq!(
        broken,
        [
            "a rejection is an answer",
            "a rejection leaves the inner service alone",
            "the body of a rejection keeps its word",
        ]
    );
}

#[tokio::test]
async fn a_body_that_lies_about_its_length_is_found() {
    let broken = rules_broken_by(Way::LiesAboutLength).await;
    assert_eq!(broken, ["the body of a rejection keeps its word"]);
}
