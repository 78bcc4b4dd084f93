//! What passes allocates nothing. Exact counts, so a change of one is a change of the code.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::Full;
use tower_ready_core::{
    AnswerFuture, Deadline, End, Guard, GuardedFuture, Instant, Protocol, RequestId, TraceId,
};
use tower_ready_testing::alloc;

type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// How often a piece of code allocates, after what it does only once.
fn allocations(mut run: impl FnMut()) -> u64 {
    run();
    alloc::count(run).count
}

fn answer() -> Answer {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
}

/// Takes an answer to its end, as a host does.
fn drive<F, B>(future: F)
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body,
{
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = pin!(future).poll(context) else {
        panic!("there is no answer")
    };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(context) {}
}

#[test]
fn an_answer_that_passes_allocates_nothing() {
    let six_deep = || {
        let two = AnswerFuture::inner(AnswerFuture::inner(answer()));
        let four = AnswerFuture::inner(AnswerFuture::inner(two));
        drive(AnswerFuture::inner(AnswerFuture::inner(four)));
    };
    assert_eq!(allocations(six_deep), 0, "AnswerFuture or AnswerBody");
}

#[test]
fn an_answer_of_our_own_allocates_nothing() {
    let own = || {
        let answer = Response::new(Bytes::from_static(b"no"));
        drive(AnswerFuture::<Answer>::answer(answer));
    };
    assert_eq!(allocations(own), 0, "AnswerFuture or AnswerBody");
}

#[test]
fn an_exchange_that_is_watched_allocates_nothing() {
    struct Heard;

    impl Guard for Heard {
        fn end(self, _: End<'_>) {}
    }

    let guarded = || drive(GuardedFuture::new(&Method::GET, answer(), Heard));
    assert_eq!(allocations(guarded), 0, "GuardedFuture or GuardedBody");
}

#[test]
fn what_a_request_says_is_read_without_an_allocation() {
    let mut request = Request::post(Uri::from_static("/orders?x=y"))
        .header("content-type", "application/json")
        .header("x-request-id", "0198e2c5-7a53-7c1e-9d4b-3f7a86b1c2d0")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Deadline::at(Instant::now()));
    let headers = request.headers();
    let read = |what, run: &dyn Fn() -> bool| {
        assert_eq!(allocations(|| assert!(run(), "{what}")), 0, "{what}");
    };
    read("Protocol::of", &|| Protocol::of(&request) == Protocol::Http);
    read("RequestId::of", &|| RequestId::of(headers).is_some());
    read("TraceId::of", &|| TraceId::of(headers).is_some());
    read("Deadline::of", &|| Deadline::of(request.extensions()).is_some());
    read("Instant::now", &|| Instant::now().as_nanos() > 0);
}

#[test]
fn a_new_request_id_allocates_its_text_alone() {
    let make = || drop(RequestId::generate().into_header_value());
    assert_eq!(allocations(make), 1, "RequestId::generate");
}
