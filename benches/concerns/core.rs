//! What every layer shares.

use std::{
    hint::black_box,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::{Full, combinators::UnsyncBoxBody};
use tower::util::MapResponse;
use tower_ready_benches::{Cases, NoOp, Repeat, call};
use tower_ready_core::{
    AnswerBody, AnswerFuture, End, Guard, GuardedBody, GuardedFuture, Instant, Protocol, RequestId,
    TraceId,
};
use tower_service::Service;

use crate::requests::{get, grpc, post, with_ids};

pub(crate) fn cases(cases: &mut Cases) {
    let request = get();
    let boxed = |response: Response<Full<Bytes>>| response.map(UnsyncBoxBody::new);
    cases
        .over("pass-through", "a no-op service", call(&request, NoOp))
        .ours("the same again", call(&request, NoOp))
        .ours("AnswerBody", call(&request, Answer(NoOp)))
        .ours(
            "AnswerBody, six deep",
            call(&request, Answer(Answer(Answer(Answer(Answer(Answer(NoOp))))))),
        )
        .ours("GuardedBody", call(&request, Guarded(NoOp)))
        .peer("boxed body", call(&request, MapResponse::new(NoOp, boxed)));

    cases
        .operations("protocol")
        .ours("GET", detect(get()))
        .ours("POST of JSON", detect(post()))
        .ours("gRPC", detect(grpc()));

    let none = [get().headers().clone(), get().headers().clone()];
    let some = [with_ids(get()), with_ids(get())].map(|request| request.headers().clone());
    let request_id = |headers| Repeat::of(move || RequestId::of(black_box(&headers)));
    let trace_id = |headers| Repeat::of(move || TraceId::of(black_box(&headers)));
    let [none, none_too] = none;
    let [some, some_too] = some;
    cases
        .operations("ids")
        .ours("RequestId::of", request_id(some))
        .ours("RequestId::of, none", request_id(none))
        .ours("RequestId::generate", Repeat::of(RequestId::generate))
        .ours("TraceId::of", trace_id(some_too))
        .ours("TraceId::of, none", trace_id(none_too));

    #[expect(clippy::disallowed_methods, reason = "what ours is compared with")]
    let std = std::time::Instant::now;
    cases
        .operations("clock")
        .ours("Instant::now", Repeat::of(Instant::now))
        .peer("std Instant::now", Repeat::of(std))
        .peer("std SystemTime::now", Repeat::of(SystemTime::now));

    cases
        .operations("extensions")
        .ours("one value", Repeat::of(|| several(1)))
        .ours("two values", Repeat::of(|| several(2)))
        .ours("three values", Repeat::of(|| several(3)))
        .ours("four values", Repeat::of(|| several(4)))
        .ours("five values", Repeat::of(|| several(5)))
        .ours("one shared context of five", Repeat::of(shared));
}

fn detect(request: Request<()>) -> Repeat {
    Repeat::of(move || Protocol::of(black_box(&request)))
}

/// A layer that lets everything pass.
struct Answer<S>(S);

impl<S, Q, B> Service<Request<Q>> for Answer<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<AnswerBody<B>>;
    type Error = S::Error;
    type Future = AnswerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        AnswerFuture::inner(self.0.call(request))
    }
}

/// A layer that hears of the end of each exchange.
struct Guarded<S>(S);

impl<S, Q, B> Service<Request<Q>> for Guarded<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    S::Error: 'static,
    B: http_body::Body,
{
    type Response = Response<GuardedBody<B, Heard>>;
    type Error = S::Error;
    type Future = GuardedFuture<S::Future, Heard>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        GuardedFuture::call(&mut self.0, request, Heard)
    }
}

struct Heard;

impl Guard for Heard {
    fn end(self, end: End<'_>) {
        black_box(&end);
    }
}

/// What a layer leaves for those inside of it: as large as a deadline or a static route.
#[derive(Clone)]
#[expect(dead_code, reason = "only its size matters")]
struct Value<const N: usize>([u64; 2]);

impl<const N: usize> Value<N> {
    fn new() -> Self {
        Self(black_box([1, 2]))
    }
}

fn several(count: usize) -> Extensions {
    let mut extensions = Extensions::new();
    let inserts: [fn(&mut Extensions); 5] =
        [insert::<1>, insert::<2>, insert::<3>, insert::<4>, insert::<5>];
    for insert in &inserts[..count] {
        insert(&mut extensions);
    }
    extensions
}

fn insert<const N: usize>(extensions: &mut Extensions) {
    extensions.insert(Value::<N>::new());
}

fn shared() -> Extensions {
    let context = (
        Value::<1>::new(),
        Value::<2>::new(),
        Value::<3>::new(),
        Value::<4>::new(),
        Value::<5>::new(),
    );
    let mut extensions = Extensions::new();
    extensions.insert(Arc::new(context));
    extensions
}
