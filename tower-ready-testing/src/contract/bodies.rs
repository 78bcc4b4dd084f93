//! What becomes of the body of an answer.

use std::{cell::RefCell, pin::pin};

use super::{
    Findings, Verdict,
    body::{ScriptedBody, Sight, Step, sights},
    case::{Case, Subject, outcome},
    control::{Answer, Pause},
    ensure,
    task::Task,
};
use crate::patience::within;

/// Bodies as hosts and handlers make them.
const SCRIPTS: &[(&str, &[Step])] = &[
    ("an empty body", &[]),
    ("an empty body of unknown length", &[Step::Unsized]),
    ("one frame", &[Step::Data("whole")]),
    ("a stream", &[Step::Data("one"), Step::Pause, Step::Data("two"), Step::Unsized]),
    ("a body that pauses at its end", &[Step::Data("one"), Step::Pause]),
    ("data and trailers", &[Step::Data("one"), Step::Trailers("grpc-status", "0")]),
    ("trailers only", &[Step::Trailers("grpc-status", "5"), Step::Unsized]),
    ("data and an error", &[Step::Data("one"), Step::Pause, Step::Fail(31)]),
    ("an error", &[Step::Fail(32)]),
    ("an empty frame", &[Step::Data(""), Step::Data("one")]),
];

/// How a script looks without the layer and with it.
struct Seen {
    name: &'static str,
    inside: Vec<Sight>,
    outside: Vec<Sight>,
}

pub(super) async fn check<S: Subject>(case: &Case<'_, S>, found: &mut Findings) {
    let seen = RefCell::new(Vec::new());
    found.rule("a body can be read to its end", read(case, &seen)).await;
    let seen = seen.into_inner();
    for (rule, aspect) in [
        ("every frame of a body passes, and its error", Aspect::Frames),
        ("the length of a body is known outside", Aspect::Length),
        ("the end of a body is known outside", Aspect::End),
    ] {
        found.rule(rule, std::future::ready(compare(&seen, aspect))).await;
    }
    found.rule("whoever polled a body last is woken", woken(case)).await;
}

#[derive(Clone, Copy)]
enum Aspect {
    Frames,
    Length,
    End,
}

async fn read<S: Subject>(case: &Case<'_, S>, seen: &RefCell<Vec<Seen>>) -> Verdict {
    for (name, script) in SCRIPTS {
        let (mut service, control) = case.begin();
        let inside = sights(ScriptedBody::new(&control, script)).await;
        control.answer(Answer::Response(script.to_vec()));
        let answer = case.call(&mut service, &control).await;
        let Ok(response) = answer else {
            return Err(format!("an answer with {name} became {}", outcome(&answer)));
        };
        let outside = within(format!("the end of {name}"), sights(response.into_body())).await;
        seen.borrow_mut().push(Seen { name, inside, outside });
    }
    Ok(())
}

fn compare(seen: &[Seen], aspect: Aspect) -> Verdict {
    for Seen { name, inside, outside } in seen {
        let look = |sights: &[Sight]| match aspect {
            Aspect::Frames => format!("{:?}", each(sights, |it| &it.frame)),
            Aspect::Length => format!("{:?}", each(sights, |it| it.size)),
            Aspect::End => format!("{:?}", each(sights, |it| it.end)),
        };
        let (inside, outside) = (look(inside), look(outside));
        ensure!(inside == outside, "{name} is {inside} inside and {outside} outside");
    }
    Ok(())
}

fn each<'a, T>(sights: &'a [Sight], look: impl Fn(&'a Sight) -> T) -> Vec<T> {
    sights.iter().map(look).collect()
}

async fn woken<S: Subject>(case: &Case<'_, S>) -> Verdict {
    let (mut service, control) = case.begin();
    control.answer(Answer::Response(vec![Step::Pause, Step::Pause, Step::Data("one")]));
    let answer = case.call(&mut service, &control).await;
    let Ok(response) = answer else {
        return Err(format!("the answer became {}", outcome(&answer)));
    };
    control.pauses(0, Pause::UntilWoken);
    let mut body = pin!(response.into_body());
    for pause in 1..=2 {
        let task = Task::new();
        ensure!(task.poll_frame(body.as_mut()).is_pending(), "it did not wait at pause {pause}");
        control.wake();
        ensure!(task.is_woken(), "the task that has it was not woken at pause {pause}");
    }
    Ok(())
}
