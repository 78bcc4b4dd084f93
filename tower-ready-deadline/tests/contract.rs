//! The contract of every layer, and what these cost.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_ready_deadline::{ClientDeadlines, Deadlines, DeadlinesBuilder};
use tower_ready_testing::{
    alloc,
    contract::{self, Contract, bounds},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn deadlines() -> DeadlinesBuilder {
    Deadlines::builder().timeout(HOUR)
}

fn client() -> ClientDeadlines {
    ClientDeadlines::builder().attempt(HOUR).build().unwrap()
}

#[tokio::test]
async fn a_request_in_time_is_let_through_as_it_is() {
    contract::check(|| deadlines().build().unwrap().layer()).await;
    contract::check(|| client().layer()).await;
}

#[tokio::test]
async fn so_it_is_with_everything_that_can_be_watched() {
    let all = || deadlines().idle(HOUR).http_bodies(true).task_local(true).build().unwrap();
    contract::check(|| all().layer()).await;
    contract::check(|| all().layer().enabled(false)).await;
    let client = ClientDeadlines::builder().idle(HOUR).http_bodies(true).build().unwrap();
    contract::check(|| client.layer()).await;
}

#[tokio::test]
async fn a_request_without_time_leaves_the_inner_service_alone() {
    let spent = Contract::new().request(|parts| {
        parts.headers.insert("x-request-timeout-ms", http::HeaderValue::from_static("0"));
    });
    spent.check_rejection(|| deadlines().build().unwrap().layer()).await;
    spent.check_rejection(|| client().layer()).await;
}

#[test]
fn service_and_future_are_send_over_one_that_is() {
    bounds::check_auto_traits(&deadlines().build().unwrap().layer());
    bounds::check_auto_traits(&client().layer());
}

/// Calls once, with an answer at the first poll.
fn call(deadlines: &Deadlines, prepare: impl Fn(&mut Request<()>)) -> alloc::Allocations {
    let inner = service_fn(|_: Request<()>| {
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        std::future::ready(Ok::<_, ()>(response))
    });
    let mut service = deadlines.layer().layer(inner);
    let mut once = || {
        let mut request = Request::new(());
        prepare(&mut request);
        let (_, allocations) = alloc::counted(|| {
            let mut future = pin!(service.call(request));
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(Ok(response)) = polled else {
                panic!("it waits");
            };
            response
        });
        allocations
    };
    once();
    once()
}

#[test]
fn nothing_is_allocated_for_an_answer_that_is_there_at_once() {
    let asks = |request: &mut Request<()>| {
        let value = http::HeaderValue::from_static("1500");
        request.headers_mut().insert("x-request-timeout-ms", value);
    };
    let bare = deadlines().extension(false).build().unwrap();
    assert_eq!(call(&bare, |_| {}).count, 0);
    assert_eq!(call(&bare, asks).count, 0);
    let local = deadlines().extension(false).task_local(true).idle(HOUR).build().unwrap();
    assert_eq!(call(&local, asks).count, 0);
}

#[test]
fn the_extension_costs_one_allocation_and_three_if_it_is_the_first() {
    let with = deadlines().build().unwrap();
    assert_eq!(call(&with, |_| {}).count, 3);
    let not_the_first = |request: &mut Request<()>| {
        request.extensions_mut().insert("another layer was here");
    };
    assert_eq!(call(&with, not_the_first).count, 1);
}
