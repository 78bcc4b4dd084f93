//! A guard hears of the end of an exchange exactly once, whatever becomes of it.
//!
//! A scripted body is polled up to a random point and then dropped; a reference of a few lines says
//! what its guard must have heard.

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    future::{Future, Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use proptest::prelude::*;
use tower::service_fn;
use tower_ready_core::{End, Guard, GuardedFuture};

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Pending,
    Data(usize),
    Trailers,
    Error,
    Panic,
}

/// Plays its steps, and knows whether it is over as `Full` does, or only finds out when asked.
#[derive(Clone, Debug)]
struct Script {
    steps: VecDeque<Step>,
    foresees_end: bool,
    knows_length: bool,
}

#[derive(Debug)]
struct Broken;

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Pending) => return Poll::Pending,
            Some(Step::Data(bytes)) => Some(Ok(Frame::data(Bytes::from(vec![0; bytes])))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Error) => Some(Err(Broken)),
            Some(Step::Panic) => panic!("a step of the script"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.foresees_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.knows_length { SizeHint::with_exact(self.length()) } else { SizeHint::default() }
    }
}

impl Script {
    fn length(&self) -> u64 {
        let bytes = |step: &Step| {
            if let Step::Data(bytes) = step { *bytes as u64 } else { 0 }
        };
        self.steps.iter().map(bytes).sum()
    }
}

/// What the guard heard, in the order in which it heard it.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Guard for Log {
    fn pending(&mut self) {
        self.0.borrow_mut().push("pending".to_owned());
    }

    fn head<B>(&mut self, response: &mut Response<B>) {
        self.0.borrow_mut().push(format!("head {}", response.status().as_u16()));
    }

    fn data(&mut self, data: &Bytes) {
        self.0.borrow_mut().push(format!("data {}", data.len()));
    }

    fn end(self, end: End<'_>) {
        self.0.borrow_mut().push(name(&end).to_owned());
    }
}

fn name(end: &End<'_>) -> &'static str {
    match end {
        End::Complete => "complete",
        End::Trailers(_) => "trailers",
        End::Error(error) if error.is::<Broken>() => "broken",
        End::Error(_) => "error",
        End::Dropped => "dropped",
        End::Panicked => "panicked",
    }
}

/// The reference: what a guard hears of this script when the body is dropped after `polls` polls.
fn expected(script: &Script, polls: usize) -> Vec<String> {
    let mut heard = vec!["head 200".to_owned()];
    let mut left = script.clone();
    if left.is_end_stream() {
        heard.push("complete".to_owned());
        return heard;
    }
    let mut all_sent = false;
    for _ in 0..polls {
        let step = left.steps.pop_front();
        let end = match step {
            None => Some("complete"),
            Some(Step::Pending) => None,
            Some(Step::Data(bytes)) => {
                heard.push(format!("data {bytes}"));
                all_sent = left.knows_length && left.length() == 0;
                left.is_end_stream().then_some("complete")
            }
            Some(Step::Trailers) => Some("trailers"),
            Some(Step::Error) => Some("broken"),
            Some(Step::Panic) => Some("panicked"),
        };
        if let Some(end) = end {
            heard.push(end.to_owned());
            return heard;
        }
    }
    heard.push(if all_sent { "complete" } else { "dropped" }.to_owned());
    heard
}

/// Polls a body that many times, or to its end, and drops it.
fn play(script: Script, polls: usize) -> Vec<String> {
    let log = Log::default();
    let response = ready(Ok::<_, Infallible>(Response::new(script)));
    let future = GuardedFuture::new(&Method::GET, response, log.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = pin!(future).poll(&mut cx) else { unreachable!() };
    let mut body = Box::pin(response.into_body());
    for _ in 0..polls {
        // The panic is caught here, as a layer further out may do, and the body is dropped in peace.
        let poll = AssertUnwindSafe(|| body.as_mut().poll_frame(&mut cx));
        if let Err(_) | Ok(Poll::Ready(None | Some(Err(_)))) = catch_unwind(poll) {
            break;
        }
    }
    drop(body);
    log.0.take()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..5).prop_map(Step::Data),
        2 => Just(Step::Pending),
        1 => Just(Step::Trailers),
        1 => Just(Step::Error),
        1 => Just(Step::Panic),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let steps = proptest::collection::vec(step(), 0..8);
    (steps, any::<bool>(), any::<bool>()).prop_map(|(steps, foresees_end, knows_length)| {
        // Nothing comes after trailers or an error, in a body that keeps the contract.
        let end = steps.iter().position(|step| !matches!(step, Step::Data(_) | Step::Pending));
        let steps = steps.iter().take(end.map_or(steps.len(), |end| end + 1)).cloned().collect();
        Script { steps, foresees_end, knows_length }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_guard_hears_what_the_reference_says(script in script(), polls in 0_usize..10) {
        std::panic::set_hook(Box::new(|_| {}));
        let wanted = expected(&script, polls);
        prop_assert_eq!(play(script, polls), wanted);
    }
}

fn answer(method: &Method, response: Response<Script>) -> (Log, impl Sized) {
    let log = Log::default();
    let response = ready(Ok::<_, Infallible>(response));
    let future = GuardedFuture::new(method, response, log.clone());
    let Poll::Ready(Ok(response)) = pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    else {
        unreachable!()
    };
    (log, response)
}

fn one_frame(knows_length: bool) -> Script {
    Script { steps: [Step::Data(4)].into(), foresees_end: knows_length, knows_length }
}

#[test]
fn an_answer_that_has_no_body_on_the_wire_is_complete_with_its_head() {
    let (log, _response) = answer(&Method::HEAD, Response::new(one_frame(true)));
    assert_eq!(*log.0.borrow(), ["head 200", "complete"]);

    for status in
        [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::SWITCHING_PROTOCOLS]
    {
        let mut response = Response::new(one_frame(false));
        *response.status_mut() = status;
        let (log, _response) = answer(&Method::GET, response);
        assert_eq!(*log.0.borrow(), [format!("head {}", status.as_u16()), "complete".to_owned()]);
    }
}

#[test]
fn a_body_dropped_after_its_promised_length_is_complete() {
    let log = Log::default();
    let response =
        Response::builder().header("content-length", "4").body(one_frame(false)).unwrap();
    let future = ready(Ok::<_, Infallible>(response));
    let mut cx = Context::from_waker(Waker::noop());
    let future = GuardedFuture::new(&Method::GET, future, log.clone());
    let Poll::Ready(Ok(response)) = pin!(future).poll(&mut cx) else { unreachable!() };
    let mut body = Box::pin(response.into_body());
    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    assert_eq!(*log.0.borrow(), ["head 200", "data 4"]);
    drop(body);
    assert_eq!(*log.0.borrow(), ["head 200", "data 4", "complete"]);
}

/// A host does not ask for what the head says is nothing.
#[test]
fn a_body_of_no_promised_length_is_complete_unread() {
    for (length, end) in [("0", "complete"), ("4", "dropped"), ("four", "dropped")] {
        let response = Response::builder().header("content-length", length);
        let (log, response) = answer(&Method::GET, response.body(one_frame(false)).unwrap());
        drop(response);
        assert_eq!(*log.0.borrow(), ["head 200", end], "{length}");
    }
}

/// Since HTTP/2 a body ends with its stream, so that one dropped before was cut short.
#[test]
fn what_the_head_promises_ends_no_body_of_http_2() {
    for (version, end) in [(Version::HTTP_11, "complete"), (Version::HTTP_2, "dropped")] {
        let log = Log::default();
        let mut service = service_fn(|_: Request<()>| {
            let response = Response::builder().header("content-length", "4");
            ready(Ok::<_, Infallible>(response.body(one_frame(false)).unwrap()))
        });
        let request = Request::builder().version(version).body(()).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let future = GuardedFuture::call(&mut service, request, log.clone());
        let Poll::Ready(Ok(response)) = pin!(future).poll(&mut cx) else { unreachable!() };
        let mut body = Box::pin(response.into_body());
        assert!(body.as_mut().poll_frame(&mut cx).is_ready());
        drop(body);
        assert_eq!(*log.0.borrow(), ["head 200", "data 4", end], "{version:?}");
    }
}

#[test]
fn a_future_ends_by_error_drop_or_panic_before_its_head() {
    let mut cx = Context::from_waker(Waker::noop());

    let log = Log::default();
    let failing = ready(Err::<Response<Script>, _>("no"));
    let _ = pin!(GuardedFuture::new(&Method::GET, failing, log.clone())).poll(&mut cx);
    assert_eq!(*log.0.borrow(), ["error"]);

    let log = Log::default();
    let hanging = std::future::pending::<Result<Response<Script>, Infallible>>();
    let mut future = Box::pin(GuardedFuture::new(&Method::GET, hanging, log.clone()));
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert_eq!(*log.0.borrow(), ["pending"]);
    drop(future);
    assert_eq!(*log.0.borrow(), ["pending", "dropped"]);

    let log = Log::default();
    let panicking = std::future::poll_fn(|_| -> Poll<Result<Response<Script>, Infallible>> {
        panic!("in the future")
    });
    let mut future = Box::pin(GuardedFuture::new(&Method::GET, panicking, log.clone()));
    let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut cx).is_ready());
    assert!(catch_unwind(poll).is_err());
    assert_eq!(*log.0.borrow(), ["panicked"], "told at once, not when the future is dropped");
    drop(future);
    assert_eq!(*log.0.borrow(), ["panicked"]);
}

#[test]
fn a_service_that_panics_when_called_ends_the_exchange() {
    let log = Log::default();
    let mut service = service_fn(|_: Request<()>| -> Ready<Result<Response<Script>, Infallible>> {
        panic!("in the call")
    });
    let call = AssertUnwindSafe(|| {
        drop(GuardedFuture::call(&mut service, Request::new(()), log.clone()));
    });
    assert!(catch_unwind(call).is_err());
    assert_eq!(*log.0.borrow(), ["panicked"]);
}

#[test]
fn an_answer_to_head_ends_with_its_head() {
    let log = Log::default();
    let mut service =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(one_frame(false)))));
    let request = Request::head("/").body(()).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let polled = pin!(GuardedFuture::call(&mut service, request, log.clone())).poll(&mut cx);
    assert_eq!(*log.0.borrow(), ["head 200", "complete"]);
    drop(polled);
    assert_eq!(log.0.borrow().len(), 2);
}

#[test]
fn a_guard_dropped_by_an_unwinding_task_hears_of_the_panic() {
    let log = Log::default();
    let clone = log.clone();
    let call = AssertUnwindSafe(move || {
        let hanging = std::future::pending::<Result<Response<Script>, Infallible>>();
        let _future = GuardedFuture::new(&Method::GET, hanging, clone);
        panic!("in the call of an inner service");
    });
    assert!(catch_unwind(call).is_err());
    assert_eq!(*log.0.borrow(), ["panicked"]);
}

/// That of a call which the code outside holds.
struct OfCall(Log);

impl Guard for OfCall {
    fn ends_by_unwinding(&self) -> bool {
        false
    }

    fn end(self, end: End<'_>) {
        self.0.end(end);
    }
}

#[test]
fn a_call_is_ended_by_a_panic_of_its_own_alone() {
    type Answer = Result<Response<Script>, Infallible>;

    let log = Log::default();
    let guard = OfCall(log.clone());
    let outside = AssertUnwindSafe(move || {
        let _future = GuardedFuture::new(&Method::GET, std::future::pending::<Answer>(), guard);
        panic!("in who made the call");
    });
    assert!(catch_unwind(outside).is_err());
    assert_eq!(*log.0.borrow(), ["dropped"]);

    let log = Log::default();
    let panicking = std::future::poll_fn(|_| -> Poll<Answer> { panic!("in the future") });
    let mut future = Box::pin(GuardedFuture::new(&Method::GET, panicking, OfCall(log.clone())));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))).is_err());
    assert_eq!(*log.0.borrow(), ["panicked"]);

    let log = Log::default();
    let mut service = service_fn(|_: Request<()>| -> Ready<Answer> { panic!("in the call") });
    let call = AssertUnwindSafe(|| {
        drop(GuardedFuture::call(&mut service, Request::new(()), OfCall(log.clone())));
    });
    assert!(catch_unwind(call).is_err());
    assert_eq!(*log.0.borrow(), ["panicked"]);
}
