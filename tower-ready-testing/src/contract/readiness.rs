//! Who may be called, and when.

use std::task::Poll;

use super::{
    Findings, Verdict,
    case::{Case, Subject, outcome},
    control::Readiness,
    ensure,
    failure::Failure,
    task::Task,
};

pub(super) async fn check<S: Subject>(case: &Case<'_, S>, found: &mut Findings) {
    found.rule("the instance that was ready is the one that is called", called(case)).await;
    found.rule("a clone gets ready by itself", cloned(case)).await;
    found.rule("readiness that is not used is given back", given_back(case)).await;
    found.rule("an error of readiness reaches the caller", failing(case)).await;
    if !case.always_ready {
        found.rule("a service that is not ready holds its caller", pending(case)).await;
        found.rule("whoever asked last for readiness is woken", woken(case)).await;
    }
}

async fn called<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    for _ in 0..3 {
        let _ = case.call(&mut service, &control).await;
    }
    let (calls, unready) = control.with(|state| (state.calls, state.unready_calls));
    ensure!(calls == 3, "3 calls became {calls}");
    ensure!(unready == 0, "{unready} of 3 calls went to an instance that was not ready");
    Ok(())
}

async fn cloned<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut first, control) = case.begin();
    let mut early = first.clone();
    let _ = case.ready(&mut first).await;
    // A clone of a ready service is not ready; neither layer nor clone may believe it.
    let mut late = first.clone();
    for clone in [&mut early, &mut late] {
        let _ = case.call(clone, &control).await;
    }
    // What the clones did is nothing to the first, which is ready still.
    let _ = case.finish(first.call(case.request(&control))).await;
    let (calls, unready) = control.with(|state| (state.calls, state.unready_calls));
    ensure!(calls == 3, "3 calls became {calls}");
    ensure!(unready == 0, "{unready} of 3 calls went to an instance that was not ready");
    Ok(())
}

async fn given_back<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let reserved = || control.with(|state| state.reserved);
    for _ in 0..2 {
        let _ = case.ready(&mut service).await;
    }
    ensure!(reserved() <= 1, "asking twice reserved {}", reserved());
    drop(service.clone());
    drop(service);
    ensure!(reserved() == 0, "a ready service that was dropped still reserves {}", reserved());

    let (mut service, control) = case.begin();
    let _ = case.call(&mut service, &control).await;
    let left = control.with(|state| state.reserved);
    ensure!(left == 0, "after its call was done a service still reserves {left}");
    Ok(())
}

async fn failing<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.readiness(Readiness::Failing(17));
    match Task::new().poll_ready(&mut service) {
        Poll::Pending => return Err("it waits, and nobody will wake it".to_owned()),
        Poll::Ready(Err(error)) => {
            ensure!(!case.answers_errors, "it failed, though it answers errors");
            ensure!(error.inner() == Some(17), "the error became another one");
            return Ok(());
        }
        Poll::Ready(Ok(())) => {}
    }
    ensure!(case.answers_errors || case.always_ready, "it said that it was ready");
    let mut clone = service.clone();
    let answer = case.finish(service.call(case.request(&control))).await;
    let calls = control.with(|state| state.calls);
    ensure!(calls == 0, "the inner service was called though it had failed");
    match &answer {
        Ok(response) if case.answers_errors => {
            ensure!(!response.status().is_success(), "it came to {}", outcome(&answer));
        }
        Err(error) if !case.answers_errors => {
            ensure!(error.inner() == Some(17), "it came to {}", outcome(&answer));
        }
        _ => return Err(format!("it came to {}", outcome(&answer))),
    }
    control.readiness(Readiness::Ready);
    let _ = case.call(&mut clone, &control).await;
    let calls = control.with(|state| state.calls);
    ensure!(calls == 1, "the failure stuck to a clone");
    Ok(())
}

async fn pending<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.readiness(Readiness::Pending);
    let task = Task::new();
    ensure!(task.poll_ready(&mut service).is_pending(), "it said that it was ready");
    control.readiness(Readiness::Ready);
    control.wake();
    ensure!(task.is_woken(), "the caller was not woken when it got ready");
    case.ready(&mut service).await.map_err(|_| "it failed when it got ready".to_owned())
}

async fn woken<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.readiness(Readiness::Pending);
    let (first, second) = (Task::new(), Task::new());
    let _ = first.poll_ready(&mut service);
    let _ = second.poll_ready(&mut service);
    control.readiness(Readiness::Ready);
    control.wake();
    ensure!(second.is_woken(), "another task than the one that polled last was woken");
    Ok(())
}
