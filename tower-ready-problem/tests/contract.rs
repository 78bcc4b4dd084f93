//! The contract of every layer.

mod support;

use support::Reject;
use tower_ready_problem::{Problem, ProblemLayer, types};
use tower_ready_testing::{assert_fits_every_host, contract::Contract};

#[tokio::test]
async fn a_problem_layer_fits_every_host() {
    assert_fits_every_host!(ProblemLayer::default());
}

#[tokio::test]
async fn a_problem_layer_answers_for_what_is_inside_and_keeps_its_contract() {
    Contract::new().answers_errors().check(ProblemLayer::default).await;
}

/// The smallest layer that answers with what this crate and core give to authors.
#[tokio::test]
async fn a_layer_that_answers_with_a_problem_keeps_its_contract() {
    let layer = || Reject::with(|| Problem::new(&types::QUOTA_EXCEEDED));
    Contract::new().check_rejection(layer).await;
}

#[cfg(feature = "drain")]
#[tokio::test]
async fn a_drain_layer_keeps_its_contract() {
    tower_ready_testing::contract::check(tower_ready_problem::DrainLayer::new).await;
}
