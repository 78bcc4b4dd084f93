//! A layer made of what this crate gives to authors fits every host and keeps the contract of all:
//! it may answer for itself, and it hears of the end of every exchange.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::watch;
use tower_layer::Layer;
use tower_ready_core::{AnswerBody, AnswerFuture, End, Guard, GuardedBody, GuardedFuture};
use tower_ready_testing::{
    Call, assert_fits_every_host,
    contract::{self, Contract, bounds},
    each_host,
};
use tower_service::Service;

/// Counts exchanges to their end, and refuses requests that ask for it.
#[derive(Clone, Debug, Default)]
struct Count(Arc<watch::Sender<Exchanges>>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Exchanges {
    open: usize,
    whole: usize,
}

impl Count {
    fn now(&self) -> Exchanges {
        *self.0.borrow()
    }

    async fn until(&self, open: usize, whole: usize) {
        let wanted = Exchanges { open, whole };
        let mut changes = self.0.subscribe();
        let arrived = changes.wait_for(|now| *now == wanted);
        let in_time = tokio::time::timeout(Duration::from_secs(20), arrived).await.is_ok();
        assert!(in_time, "{:?} instead of {wanted:?}", self.now());
    }
}

impl Guard for Count {
    fn end(self, end: End<'_>) {
        self.0.send_modify(|exchanges| {
            exchanges.open -= 1;
            exchanges.whole += usize::from(matches!(end, End::Complete | End::Trailers(_)));
        });
    }
}

impl<S> Layer<S> for Count {
    type Service = CountService<S>;

    fn layer(&self, inner: S) -> CountService<S> {
        CountService { inner, count: self.clone() }
    }
}

#[derive(Clone, Debug)]
struct CountService<S> {
    inner: S,
    count: Count,
}

impl<S, Q, B> Service<Request<Q>> for CountService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    S::Error: 'static,
    B: Body,
    B::Error: 'static,
{
    type Response = Response<AnswerBody<GuardedBody<B, Count>>>;
    type Error = S::Error;
    type Future = AnswerFuture<GuardedFuture<S::Future, Count>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        if request.headers().contains_key("x-refuse") {
            // A permit that the inner service took in `poll_ready` goes back with the instance.
            self.inner = self.inner.clone();
            return AnswerFuture::answer(Response::new(Bytes::from_static(b"refused")));
        }
        self.count.0.send_modify(|exchanges| exchanges.open += 1);
        let method = request.method().clone();
        let future = self.inner.call(request);
        AnswerFuture::inner(GuardedFuture::new(&method, future, self.count.clone()))
    }
}

#[tokio::test]
async fn it_fits_every_host() {
    assert_fits_every_host!(Count::default());
}

#[tokio::test]
async fn it_keeps_the_contract_of_all_layers() {
    contract::check(Count::default).await;
    Contract::new()
        .request(|parts| {
            parts.headers.insert("x-refuse", http::HeaderValue::from_static("yes"));
        })
        .check_rejection(Count::default)
        .await;
    bounds::check_auto_traits(&Count::default());
}

each_host! {
    async fn an_exchange_is_open_until_its_body_ends(host) {
        let count = Count::default();
        let server = host.serve(count.clone()).await;

        server.call(Call::ok()).await.assert_ok();
        count.until(0, 1).await;

        let mut stream = server.stream(Call::stream(2).then_wait()).await;
        assert_eq!(stream.message().await.as_deref(), Some("chunk 0"));
        assert_eq!(stream.message().await.as_deref(), Some("chunk 1"));
        assert_eq!(count.now(), Exchanges { open: 1, whole: 1 }, "the head came long ago");
        server.release(1);
        assert_eq!(stream.message().await, None);
        count.until(0, 2).await;
    }

    async fn a_caller_that_leaves_ends_the_exchange(host) {
        let count = Count::default();
        let server = host.serve(count.clone()).await;

        let waiting = server.start(Call::ok().gated());
        count.until(1, 0).await;
        drop(waiting);
        count.until(0, 0).await;

        let mut stream = server.stream(Call::stream(1).then_wait()).await;
        assert_eq!(stream.message().await.as_deref(), Some("chunk 0"));
        drop(stream);
        count.until(0, 0).await;
    }
}
