use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_ready_shutdown::health::{Check, Endpoint, Health};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A dependency that can be down or hang, and counts who asks it.
#[derive(Clone, Default)]
pub(crate) struct Dependency {
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) at_once: Arc<AtomicUsize>,
    pub(crate) is_down: Arc<AtomicBool>,
    pub(crate) hangs: Arc<AtomicBool>,
}

impl Dependency {
    pub(crate) fn check(&self, name: &'static str) -> Check {
        let dependency = self.clone();
        Check::new(name, move || dependency.clone().ask())
    }

    async fn ask(self) -> Result<(), io::Error> {
        struct Asking(Arc<AtomicUsize>);
        impl Drop for Asking {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        self.asked.fetch_add(1, SeqCst);
        assert_eq!(self.at_once.fetch_add(1, SeqCst), 0, "one at a time");
        let _asking = Asking(self.at_once);
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "no route to database"));
        }
        Ok(())
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.is_down.store(down, SeqCst);
    }
}

pub(crate) async fn probe(endpoint: Endpoint) -> StatusCode {
    endpoint.oneshot(Request::new(())).await.unwrap().status()
}

pub(crate) async fn text(endpoint: Endpoint, uri: &str) -> String {
    let request = Request::get(uri).body(()).unwrap();
    let body = endpoint.oneshot(request).await.unwrap().into_body();
    let bytes: Bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// How long it takes until readiness is as wanted; the clock jumps from timer to timer.
pub(crate) async fn time_until_ready_is(health: &Health, wanted: bool) -> Duration {
    let start = Instant::now();
    while health.is_ready() != wanted {
        assert!(start.elapsed() < 600 * SECOND, "it never becomes {wanted}");
        sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}
