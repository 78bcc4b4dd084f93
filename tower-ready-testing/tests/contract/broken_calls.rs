//! Layers that mistreat calls.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower_ready_testing::contract::{Inner, InnerError, InnerFuture, ScriptedBody};
use tower_service::Service;

use crate::toy::{Answer, Ask, Boxed, ready_inside, rules_broken_by};

const REQUEST: &str = "a request passes whole";
const ANSWER: &str = "an answer passes whole";
const ERROR: &str = "an error of the inner service reaches the caller";
const WOKEN: &str = "whoever polled a call last is woken";
const DROPPED_CALL: &str = "a call that is dropped frees what it held";
const DROPPED_ANSWER: &str = "an answer that is dropped frees what it held";
const STREAMED: &str = "an answer does not wait for its body";
const SIDE_BY_SIDE: &str = "calls run side by side";
const OUTLIVES: &str = "a call outlives its service";
const PANIC: &str = "a panic below leaves the layer in order";

#[tokio::test]
async fn losing_parts_of_a_request_is_found() {
    #[derive(Clone)]
    struct Rebuilds(Inner);

    impl Service<Ask> for Rebuilds {
        ready_inside!(InnerFuture<ScriptedBody>);

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            let headers = request.headers().clone();
            let mut rebuilt = Request::new(request.into_body());
            *rebuilt.headers_mut() = headers;
            self.0.call(rebuilt)
        }
    }

    assert_eq!(rules_broken_by(Rebuilds).await, [REQUEST], "it loses the extensions");
}

#[tokio::test]
async fn losing_parts_of_an_answer_is_found() {
    #[derive(Clone)]
    struct Rebuilds(Inner);

    impl Service<Ask> for Rebuilds {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let call = self.0.call(request);
            Box::pin(async move { Ok(Response::new(call.await?.into_body())) })
        }
    }

    assert_eq!(rules_broken_by(Rebuilds).await, [ANSWER]);
}

#[tokio::test]
async fn replacing_an_error_is_found() {
    #[derive(Clone)]
    struct Replaces(Inner);

    impl Service<Ask> for Replaces {
        type Response = Response<ScriptedBody>;
        type Error = Box<dyn std::error::Error + Send + Sync>;
        type Future = Boxed<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Service::<Ask>::poll_ready(&mut self.0, cx).map_err(Into::into)
        }

        fn call(&mut self, request: Ask) -> Self::Future {
            let call = self.0.call(request);
            Box::pin(async move { call.await.map_err(|error| error.to_string().into()) })
        }
    }

    assert_eq!(rules_broken_by(Replaces).await, [ERROR]);
}

#[tokio::test]
async fn running_a_call_on_another_task_is_found() {
    #[derive(Clone)]
    struct Spawns(Inner);

    impl Service<Ask> for Spawns {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let call = self.0.call(request);
            Box::pin(tokio::spawn(call).map(|answer| answer.unwrap()))
        }
    }

    let broken = rules_broken_by(Spawns).await;
    assert!(broken.contains(&DROPPED_CALL) && broken.contains(&WOKEN), "{broken:?}");
}

#[tokio::test]
async fn keeping_what_a_dropped_call_held_is_found() {
    /// Parks calls that nobody polls to their end.
    struct Parks(Option<Boxed<Answer>>, Arc<Mutex<Vec<Boxed<Answer>>>>);

    impl Future for Parks {
        type Output = Answer;

        fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
            let poll = self.0.as_mut().unwrap().poll_unpin(cx);
            if poll.is_ready() {
                self.0 = None;
            }
            poll
        }
    }

    impl Drop for Parks {
        fn drop(&mut self) {
            self.1.lock().unwrap().extend(self.0.take());
        }
    }

    #[derive(Clone)]
    struct Parking(Inner, Arc<Mutex<Vec<Boxed<Answer>>>>);

    impl Service<Ask> for Parking {
        ready_inside!(Parks);

        fn call(&mut self, request: Ask) -> Parks {
            Parks(Some(Box::pin(self.0.call(request))), Arc::clone(&self.1))
        }
    }

    let broken = rules_broken_by(|inner| Parking(inner, Arc::default())).await;
    assert_eq!(broken, [DROPPED_CALL, PANIC]);
}

#[tokio::test]
async fn collecting_a_body_is_found() {
    /// Reads the answer to know its length, and gives back one that is empty.
    #[derive(Clone)]
    struct Collects(Inner);

    impl Service<Ask> for Collects {
        type Response = Response<http_body_util::Full<bytes::Bytes>>;
        type Error = InnerError;
        type Future = Boxed<Result<Self::Response, InnerError>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Service::<Ask>::poll_ready(&mut self.0, cx)
        }

        fn call(&mut self, request: Ask) -> Self::Future {
            let call = self.0.call(request);
            Box::pin(async move {
                let (parts, body) = call.await?.into_parts();
                let whole = body.collect().await?.to_bytes();
                Ok(Response::from_parts(parts, whole.into()))
            })
        }
    }

    let broken = rules_broken_by(Collects).await;
    assert!(broken.contains(&STREAMED), "{broken:?}");
}

#[tokio::test]
async fn letting_one_call_wait_for_another_is_found() {
    #[derive(Clone)]
    struct OneByOne(Inner, Arc<tokio::sync::Semaphore>);

    impl Service<Ask> for OneByOne {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let turn = Arc::clone(&self.1);
            let ready = self.0.clone();
            let mut inner = std::mem::replace(&mut self.0, ready);
            Box::pin(async move {
                let _turn = turn.acquire().await.unwrap();
                inner.call(request).await
            })
        }
    }

    let make = |inner| OneByOne(inner, Arc::new(tokio::sync::Semaphore::new(1)));
    assert_eq!(rules_broken_by(make).await, [SIDE_BY_SIDE]);
}

#[tokio::test]
async fn a_lock_that_a_panic_poisons_is_found() {
    #[derive(Clone)]
    struct Locks(Inner, Arc<Mutex<u32>>);

    impl Service<Ask> for Locks {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let lock = Arc::clone(&self.1);
            let mut call = Box::pin(self.0.call(request));
            Box::pin(std::future::poll_fn(move |cx| {
                let mut polls = lock.lock().unwrap();
                *polls += 1;
                call.poll_unpin(cx)
            }))
        }
    }

    assert_eq!(rules_broken_by(|inner| Locks(inner, Arc::default())).await, [PANIC]);
}

#[tokio::test]
async fn keeping_a_body_alive_is_found() {
    #[derive(Clone)]
    struct Remembers(Inner, Arc<Mutex<Vec<Arc<Mutex<ScriptedBody>>>>>);

    /// A body that the layer keeps a hand on.
    struct Shared(Arc<Mutex<ScriptedBody>>);

    impl http_body::Body for Shared {
        type Data = bytes::Bytes;
        type Error = InnerError;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, InnerError>>> {
            std::pin::Pin::new(&mut *self.0.lock().unwrap()).poll_frame(cx)
        }

        fn is_end_stream(&self) -> bool {
            self.0.lock().unwrap().is_end_stream()
        }

        fn size_hint(&self) -> http_body::SizeHint {
            self.0.lock().unwrap().size_hint()
        }
    }

    impl Service<Ask> for Remembers {
        type Response = Response<Shared>;
        type Error = InnerError;
        type Future = Boxed<Result<Response<Shared>, InnerError>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Service::<Ask>::poll_ready(&mut self.0, cx)
        }

        fn call(&mut self, request: Ask) -> Self::Future {
            let (call, kept) = (self.0.call(request), Arc::clone(&self.1));
            Box::pin(async move {
                Ok(call.await?.map(|body| {
                    let body = Arc::new(Mutex::new(body));
                    kept.lock().unwrap().push(Arc::clone(&body));
                    Shared(body)
                }))
            })
        }
    }

    let broken = rules_broken_by(|inner| Remembers(inner, Arc::default())).await;
    assert_eq!(broken, [DROPPED_ANSWER]);
}

#[tokio::test]
async fn a_future_that_loses_the_waker_is_found() {
    #[derive(Clone)]
    struct WakesItself(Inner);

    impl Service<Ask> for WakesItself {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let mut call = Box::pin(self.0.call(request));
            let mut first = None;
            Box::pin(std::future::poll_fn(move |cx| {
                let waker = first.get_or_insert_with(|| cx.waker().clone());
                call.poll_unpin(&mut Context::from_waker(waker))
            }))
        }
    }

    assert_eq!(rules_broken_by(WakesItself).await, [WOKEN]);
}

#[tokio::test]
async fn taking_calls_along_when_dropped_is_found() {
    #[derive(Clone)]
    struct OwnsItsCalls(Inner, Arc<()>);

    impl Service<Ask> for OwnsItsCalls {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let (call, owner) = (self.0.call(request), Arc::downgrade(&self.1));
            Box::pin(async move {
                let answer = call.await;
                owner.upgrade().expect("the service is gone");
                answer
            })
        }
    }

    assert_eq!(rules_broken_by(|inner| OwnsItsCalls(inner, Arc::default())).await, [OUTLIVES]);
}
