//! Layers that mistreat readiness.

use std::{
    mem,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use tower_ready_testing::contract::{Inner, InnerError, InnerFuture, ScriptedBody};
use tower_service::Service;

use crate::toy::{Answer, Ask, Boxed, ready_inside, rules_broken_by};

const CALLED: &str = "the instance that was ready is the one that is called";
const CLONE: &str = "a clone gets ready by itself";
const GIVEN_BACK: &str = "readiness that is not used is given back";
const FAILING: &str = "an error of readiness reaches the caller";
const PENDING: &str = "a service that is not ready holds its caller";
const WOKEN: &str = "whoever asked last for readiness is woken";

#[tokio::test]
async fn calling_a_clone_is_found() {
    #[derive(Clone)]
    struct CallsAClone(Inner);

    impl Service<Ask> for CallsAClone {
        ready_inside!(InnerFuture<ScriptedBody>);

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.0.clone().call(request)
        }
    }

    let broken = rules_broken_by(CallsAClone).await;
    assert!(broken.contains(&CALLED) && broken.contains(&CLONE), "{broken:?}");
}

#[tokio::test]
async fn moving_a_clone_into_the_future_is_found() {
    #[derive(Clone)]
    struct AwaitsFirst(Inner);

    impl Service<Ask> for AwaitsFirst {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            // The right way is to replace `self.0` by the clone and to call what was there.
            let mut inner = self.0.clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                inner.call(request).await
            })
        }
    }

    assert!(rules_broken_by(AwaitsFirst).await.contains(&CALLED));
}

#[tokio::test]
async fn never_asking_the_inner_service_is_found() {
    #[derive(Clone)]
    struct AlwaysReady(Inner);

    impl Service<Ask> for AlwaysReady {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.0.call(request)
        }
    }

    let broken = rules_broken_by(AlwaysReady).await;
    assert_eq!(broken, [CALLED, CLONE, FAILING, PENDING, WOKEN]);
}

#[tokio::test]
async fn a_clone_that_believes_it_is_ready_is_found() {
    #[derive(Clone)]
    struct RemembersReadiness {
        inner: Inner,
        ready: bool,
    }

    impl Service<Ask> for RemembersReadiness {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            if self.ready {
                return Poll::Ready(Ok(()));
            }
            let readiness = Service::<Ask>::poll_ready(&mut self.inner, cx);
            self.ready = matches!(readiness, Poll::Ready(Ok(())));
            readiness
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.ready = false;
            self.inner.call(request)
        }
    }

    let broken = rules_broken_by(|inner| RemembersReadiness { inner, ready: false }).await;
    assert_eq!(broken, [CLONE]);
}

#[tokio::test]
async fn keeping_a_ready_service_is_found() {
    /// Puts its inner service back into a pool when it is dropped, ready as it is.
    struct Pooled(Option<Inner>, Arc<Mutex<Vec<Inner>>>);

    impl Clone for Pooled {
        fn clone(&self) -> Self {
            Self(self.0.clone(), Arc::clone(&self.1))
        }
    }

    impl Drop for Pooled {
        fn drop(&mut self) {
            self.1.lock().unwrap().extend(self.0.take());
        }
    }

    impl Service<Ask> for Pooled {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Service::<Ask>::poll_ready(self.0.as_mut().unwrap(), cx)
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.0.as_mut().unwrap().call(request)
        }
    }

    static POOLS: Mutex<Vec<Arc<Mutex<Vec<Inner>>>>> = Mutex::new(Vec::new());
    let broken = rules_broken_by(|inner| {
        let pool = Arc::<Mutex<Vec<Inner>>>::default();
        POOLS.lock().unwrap().push(Arc::clone(&pool));
        Pooled(Some(inner), pool)
    })
    .await;
    assert_eq!(broken, [GIVEN_BACK]);
}

#[tokio::test]
async fn hiding_an_error_of_readiness_is_found() {
    #[derive(Clone)]
    struct Hides(Inner);

    impl Service<Ask> for Hides {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Service::<Ask>::poll_ready(&mut self.0, cx).map(|_| Ok(()))
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.0.call(request)
        }
    }

    assert_eq!(rules_broken_by(Hides).await, [FAILING]);
}

#[tokio::test]
async fn waking_the_wrong_task_is_found() {
    /// Asks under the waker of whoever came first.
    #[derive(Clone)]
    struct KeepsTheFirstWaker(Inner, Option<Waker>);

    impl Service<Ask> for KeepsTheFirstWaker {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            let waker = self.1.get_or_insert_with(|| cx.waker().clone()).clone();
            Service::<Ask>::poll_ready(&mut self.0, &mut Context::from_waker(&waker))
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.1 = None;
            self.0.call(request)
        }
    }

    assert_eq!(rules_broken_by(|inner| KeepsTheFirstWaker(inner, None)).await, [WOKEN]);
}

#[tokio::test]
async fn waking_nobody_is_found() {
    #[derive(Clone)]
    struct AsksForNobody(Inner);

    impl Service<Ask> for AsksForNobody {
        type Response = http::Response<ScriptedBody>;
        type Error = InnerError;
        type Future = InnerFuture<ScriptedBody>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), InnerError>> {
            Service::<Ask>::poll_ready(&mut self.0, &mut Context::from_waker(Waker::noop()))
        }

        fn call(&mut self, request: Ask) -> InnerFuture<ScriptedBody> {
            self.0.call(request)
        }
    }

    assert_eq!(rules_broken_by(AsksForNobody).await, [PENDING, WOKEN]);
}

/// The counterpart of the first two: this is how it is done right.
#[tokio::test]
async fn replacing_the_readied_instance_is_right() {
    #[derive(Clone)]
    struct Replaces(Inner);

    impl Service<Ask> for Replaces {
        ready_inside!(Boxed<Answer>);

        fn call(&mut self, request: Ask) -> Boxed<Answer> {
            let clone = self.0.clone();
            let mut ready = mem::replace(&mut self.0, clone);
            Box::pin(async move { ready.call(request).await })
        }
    }

    assert_eq!(rules_broken_by(Replaces).await, [""; 0]);
}
