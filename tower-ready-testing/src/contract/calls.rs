//! What becomes of a call.

use std::{future::poll_fn, panic::AssertUnwindSafe, pin::pin, task::Poll};

use futures_util::{FutureExt, future::join_all};
use http::HeaderValue;

use super::{
    Findings, Verdict,
    body::{Copied, Step},
    case::{Case, Subject, outcome},
    control::{Answer, Control, Pause},
    ensure,
    failure::Failure,
    inner::{MARK, Mark},
    task::Task,
};

pub(super) async fn check<S: Subject>(case: &Case<'_, S>, found: &mut Findings) {
    found.rule("a request passes whole", request_passes(case)).await;
    found.rule("an answer passes whole", answer_passes(case)).await;
    found.rule("an error of the inner service reaches the caller", error_passes(case)).await;
    found.rule("whoever polled a call last is woken", woken(case)).await;
    found.rule("a call that is dropped frees what it held", dropped_call(case)).await;
    found.rule("an answer that is dropped frees what it held", dropped_answer(case)).await;
    found.rule("an answer does not wait for its body", streamed(case)).await;
    found.rule("calls run side by side", side_by_side(case)).await;
    found.rule("a call outlives its service", outlives(case)).await;
    found.rule("a panic below leaves the layer in order", panic_below(case)).await;
}

async fn request_passes<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let mut request = case.request(&control);
    request.headers_mut().insert(MARK, HeaderValue::from_static("asked"));
    request.extensions_mut().insert(Mark);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let _ = case.ready(&mut service).await;
    let answer = case.finish(service.call(request)).await;
    let Some((parts, frames)) = control.with(|state| state.request.take()) else {
        return Err(format!("it never reached the inner service; it came to {}", outcome(&answer)));
    };
    ensure!((parts.method, parts.uri) == (method, uri), "its method or target changed");
    ensure!(parts.headers.get(MARK).is_some_and(|it| it == "asked"), "it lost a header");
    ensure!(parts.extensions.get() == Some(&Mark), "it lost an extension");
    let trailers = [(http::HeaderName::from_static("x-asked"), HeaderValue::from_static("yes"))];
    let sent = [Copied::Data("ask".into()), Copied::Trailers(trailers.into_iter().collect())];
    ensure!(frames == sent, "its body arrived as {frames:?}");
    Ok(())
}

async fn answer_passes<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    let answer = case.call(&mut service, &control).await;
    let Ok(response) = &answer else {
        return Err(format!("it became {}", outcome(&answer)));
    };
    ensure!(response.status() == 203, "its status became {}", response.status());
    ensure!(response.headers().get(MARK).is_some_and(|it| it == MARK), "it lost a header");
    ensure!(response.extensions().get() == Some(&Mark), "it lost an extension");
    Ok(())
}

async fn error_passes<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.answer(Answer::Error(23));
    let answer = case.call(&mut service, &control).await;
    let right = match &answer {
        Ok(response) => case.answers_errors && !response.status().is_success(),
        Err(error) => !case.answers_errors && error.inner() == Some(23),
    };
    ensure!(right, "inner error 23 became {}", outcome(&answer));
    Ok(())
}

async fn woken<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.pauses(2, Pause::UntilWoken);
    let _ = case.ready(&mut service).await;
    let mut call = pin!(service.call(case.request(&control)));
    // It pauses in the body of the request first, then in the handler; each time another task has it.
    for pause in ["while it reads", "while it works", "while it works on"] {
        let task = Task::new();
        ensure!(task.poll(call.as_mut()).is_pending(), "it did not wait {pause}");
        control.wake();
        ensure!(task.is_woken(), "the task that has it was not woken {pause}");
    }
    Ok(())
}

async fn dropped_call<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.pauses(3, Pause::Brief);
    // One pause in the request's body and three in the handler: done at the fifth poll.
    for polls in 0..5 {
        let _ = case.ready(&mut service).await;
        let mut call = Box::pin(service.call(case.request(&control)));
        for _ in 0..polls {
            ensure!(Task::new().poll(call.as_mut()).is_pending(), "it did not wait");
        }
        drop(call);
        nothing_is_held(&control).map_err(|held| format!("after {polls} polls {held}"))?;
    }
    let answer = case.call(&mut service, &control).await;
    ensure!(answer.is_ok(), "the next call came to {}", outcome(&answer));
    Ok(())
}

async fn dropped_answer<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.answer(Answer::Response(vec![Step::Data("one"), Step::Pause, Step::Data("two")]));
    for polls in 0..4 {
        let answer = case.call(&mut service, &control).await;
        let Ok(response) = answer else {
            return Err(format!("it became {}", outcome(&answer)));
        };
        let mut body = Box::pin(response.into_body());
        for _ in 0..polls {
            let _ = Task::new().poll_frame(body.as_mut());
        }
        drop(body);
        nothing_is_held(&control).map_err(|held| format!("after {polls} polls {held}"))?;
    }
    Ok(())
}

async fn streamed<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.answer(Answer::Response(vec![Step::Data("one"), Step::Hang]));
    let _ = case.ready(&mut service).await;
    let mut call = pin!(service.call(case.request(&control)));
    for _ in 0..20 {
        if Task::new().poll(call.as_mut()).is_ready() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Err("it held an answer back whose body was not whole".to_owned())
}

async fn side_by_side<S: Subject>(case: &Case<'_, S>) -> Verdict {
    const CALLS: usize = 8;
    let (mut service, control) = case.begin();
    control.pauses(10, Pause::Brief);
    let mut calls = Vec::new();
    for call in 0..CALLS {
        // Half of them over clones, as servers have it, half over one service.
        let mut clone = service.clone();
        let callee = match call % 2 {
            0 => &mut service,
            _ => &mut clone,
        };
        let _ = case.ready(callee).await;
        let mut call = Box::pin(callee.call(case.request(&control)));
        for _ in 0..3 {
            let _ = poll_fn(|cx| Poll::Ready(call.poll_unpin(cx))).await;
        }
        calls.push(call);
    }
    let running = control.with(|state| state.running);
    ensure!(running == CALLS, "{running} of {CALLS} calls ran at the same time");
    let answers = join_all(calls.into_iter().rev()).await;
    let failed = answers.iter().find(|answer| answer.is_err());
    ensure!(failed.is_none(), "one came to {}", failed.map(outcome).unwrap_or_default());
    Ok(())
}

async fn outlives<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.pauses(2, Pause::Brief);
    let _ = case.ready(&mut service).await;
    let call = service.call(case.request(&control));
    drop(service);
    let answer = case.finish(call).await;
    ensure!(answer.is_ok(), "it came to {}", outcome(&answer));
    Ok(())
}

async fn panic_below<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.answer(Answer::Panic);
    let call = case.call(&mut service, &control);
    drop(AssertUnwindSafe(call).catch_unwind().await);
    nothing_is_held(&control)?;
    control.answer(Answer::default());
    let mut clone = service.clone();
    for service in [&mut service, &mut clone] {
        let answer = case.call(service, &control).await;
        ensure!(answer.is_ok(), "the next call came to {}", outcome(&answer));
    }
    Ok(())
}

/// Of the calls so far nothing is left, though the service is still there.
fn nothing_is_held(control: &Control) -> Verdict {
    let (reserved, running, bodies) =
        control.with(|state| (state.reserved, state.running, state.bodies));
    ensure!(reserved == 0, "readiness is held");
    ensure!(running == 0, "the inner call still runs");
    ensure!(bodies == 0, "the inner body is still there");
    Ok(())
}
