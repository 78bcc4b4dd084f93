//! What becomes of a request that a layer turns away.

use super::{
    Findings, Verdict,
    body::{Copied, sights},
    case::{Case, Subject, outcome},
    ensure,
};

pub(super) async fn check<S: Subject>(case: &Case<'_, S>, found: &mut Findings) {
    found.rule("a rejection is an answer", answered(case)).await;
    found.rule("a rejection leaves the inner service alone", left_alone(case)).await;
    found.rule("a rejection gives readiness back", given_back(case)).await;
    found.rule("the body of a rejection keeps its word", consistent(case)).await;
}

async fn answered<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    for _ in 0..2 {
        let answer = case.call(&mut service, &control).await;
        ensure!(answer.is_ok(), "it came to {}", outcome(&answer));
    }
    Ok(())
}

async fn left_alone<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let _ = case.call(&mut service, &control).await;
    let calls = control.with(|state| state.calls);
    ensure!(calls == 0, "the inner service was called");
    Ok(())
}

/// An inner service may hold a permit from `poll_ready` to `call`. A layer that answers by itself
/// has it still, and may be idle for long.
async fn given_back<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let answer = case.call(&mut service, &control).await;
    let reserved = control.with(|state| state.reserved);
    ensure!(reserved == 0, "the layer answered {}, but holds readiness", outcome(&answer));
    drop(service);
    Ok(())
}

async fn consistent<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let Ok(response) = case.call(&mut service, &control).await else {
        return Err("there is none".to_owned());
    };
    let sights = sights(response.into_body()).await;
    let mut left: u64 = sights.iter().map(|sight| length(sight.frame.as_ref())).sum();
    for sight in &sights {
        let (lower, upper) = sight.size;
        ensure!(lower == left && upper == Some(left), "{left} bytes are left, it says {lower}");
        ensure!(!sight.end || sight.frame.is_none(), "it goes on after its end");
        left -= length(sight.frame.as_ref());
    }
    Ok(())
}

fn length(frame: Option<&Copied>) -> u64 {
    match frame {
        Some(Copied::Data(data)) => data.len() as u64,
        _ => 0,
    }
}
