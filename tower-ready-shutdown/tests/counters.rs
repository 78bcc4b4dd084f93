//! Whatever becomes of requests, the count of those in flight returns to zero.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use proptest::prelude::*;
use tower::{Layer, Service, service_fn};
use tower_ready_core::Route;
use tower_ready_shutdown::{Lifecycle, ShutdownBody, ShutdownFuture};

/// What a service does, poll by poll.
#[derive(Clone, Copy, Debug)]
enum Act {
    Wait,
    Answer,
    Fail,
    Panic,
}

#[derive(Clone, Debug)]
struct Script {
    head_only: bool,
    status: u16,
    future: Vec<Act>,
    body: Vec<Act>,
    /// After how many polls the client goes.
    patience: usize,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Wait),
        3 => Just(Act::Answer),
        1 => Just(Act::Fail),
        1 => Just(Act::Panic),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let acts = || prop::collection::vec(act(), 0..4);
    let status = prop::sample::select(vec![200, 204, 304, 500]);
    (any::<bool>(), status, acts(), acts(), 0usize..9).prop_map(
        |(head_only, status, future, body, patience)| Script {
            head_only,
            status,
            future,
            body,
            patience,
        },
    )
}

/// Acts as it is told, and at last answers.
struct Acts(std::vec::IntoIter<Act>);

impl Acts {
    fn poll(&mut self) -> Poll<Result<bool, ()>> {
        match self.0.next() {
            Some(Act::Wait) => Poll::Pending,
            Some(Act::Answer) => Poll::Ready(Ok(true)),
            None => Poll::Ready(Ok(false)),
            Some(Act::Fail) => Poll::Ready(Err(())),
            Some(Act::Panic) => panic!("as it was told"),
        }
    }
}

struct Answering(Acts, Option<Response<Acts>>);

impl Future for Answering {
    type Output = Result<Response<Acts>, ()>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll().map_ok(|_| self.1.take().unwrap())
    }
}

impl Body for Acts {
    type Data = Bytes;
    type Error = ();

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
        self.poll().map(|acted| match acted {
            Ok(true) => Some(Ok(Frame::data(Bytes::from_static(b"x")))),
            Ok(false) => None,
            Err(()) => Some(Err(())),
        })
    }
}

enum State {
    Future(Pin<Box<ShutdownFuture<Answering>>>),
    Body(Pin<Box<ShutdownBody<Acts>>>),
    Over,
}

/// Polls once, as a host does.
fn poll(state: &mut State) {
    let context = &mut Context::from_waker(Waker::noop());
    let next = match state {
        State::Future(future) => match future.as_mut().poll(context) {
            Poll::Ready(Ok(response)) => State::Body(Box::pin(response.into_body())),
            Poll::Ready(Err(())) => State::Over,
            Poll::Pending => return,
        },
        State::Body(body) => match body.as_mut().poll_frame(context) {
            Poll::Ready(None | Some(Err(()))) => State::Over,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => return,
        },
        State::Over => return,
    };
    *state = next;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_500))]

    /// Ten thousand requests at least, in random turns: completed, failed, dropped, panicked.
    #[test]
    fn the_count_returns_to_zero(
        scripts in prop::collection::vec(script(), 4..8),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        describe in any::<bool>(),
        leaves in any::<bool>(),
    ) {
        let lifecycle = Lifecycle::builder().build().unwrap();
        lifecycle.ready();
        if leaves {
            lifecycle.drain();
        }
        let mut layer = lifecycle.layer();
        if describe {
            layer = layer.describe(|_| Route::from_static("/"));
        }
        let mut calls: Vec<_> = scripts.iter().map(|script| {
            let script = script.clone();
            let mut service = layer.layer(service_fn({
                let script = script.clone();
                move |_: Request<()>| {
                    let body = Acts(script.body.clone().into_iter());
                    let mut response = Response::new(body);
                    *response.status_mut() = StatusCode::from_u16(script.status).unwrap();
                    Answering(Acts(script.future.clone().into_iter()), Some(response))
                }
            }));
            let mut request = Request::new(());
            if script.head_only {
                *request.method_mut() = Method::HEAD;
            }
            (State::Future(Box::pin(service.call(request))), script.patience)
        }).collect();
        prop_assert_eq!(lifecycle.in_flight(), calls.len());

        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for turn in turns {
            let (state, patience) = turn.get_mut(&mut calls);
            if *patience == 0 || catch_unwind(AssertUnwindSafe(|| poll(state))).is_err() {
                *state = State::Over;
            }
            *patience = patience.saturating_sub(1);
        }
        std::panic::set_hook(hook);
        let most = calls.iter().filter(|(state, _)| !matches!(state, State::Over)).count();
        prop_assert!(lifecycle.in_flight() <= most);
        drop(calls);
        prop_assert_eq!(lifecycle.in_flight(), 0);
    }
}
