//! The server that the process is, on each host.

use std::{
    convert::Infallible,
    error::Error,
    pin::Pin,
    process::ExitCode,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tokio::{net::TcpListener, runtime::Builder};
use tower::{ServiceBuilder, service_fn};
use tower_ready_core::Route;
use tower_ready_shutdown::{Lifecycle, Report, Timings};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// Is the server: `HOST THREADS LAME_DUCK_MS DRAIN_MS`.
pub(crate) fn serve(role: &[String]) -> ExitCode {
    let number = |place: usize| role[place].parse::<u64>().unwrap();
    let mut runtime = match number(1) {
        1 => Builder::new_current_thread(),
        threads => {
            let mut runtime = Builder::new_multi_thread();
            runtime.worker_threads(threads as usize);
            runtime
        }
    };
    let timings = Timings::new(Duration::from_millis(number(2)), Duration::from_millis(number(3)));
    let timings = timings.hooks(Duration::from_secs(1));
    let host = role[0].clone();
    let runtime = runtime.enable_all().build().unwrap();
    let report = runtime.block_on(async move {
        let lifecycle = Lifecycle::builder().timings(timings).install().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\nlistening on {}", listener.local_addr().unwrap());
        run(&host, lifecycle, listener).await
    });
    // Else tasks that never end would keep the runtime.
    runtime.shutdown_background();
    eprintln!("{report}");
    report.exit_code()
}

async fn run(host: &str, lifecycle: Lifecycle, listener: TcpListener) -> Report {
    let layer = lifecycle.layer().describe(|head| Route::from(head.uri().path()));
    match host {
        "axum" => {
            let app = axum::Router::new().fallback_service(service_fn(answer)).layer(layer);
            lifecycle.run(lifecycle.serve_axum(listener, app)).await
        }
        // With nothing but the listener.
        "axum-listener" => {
            let app = axum::Router::new().fallback_service(service_fn(answer));
            let server = axum::serve(lifecycle.axum_listener(listener), app);
            lifecycle.run(server.with_graceful_shutdown(lifecycle.graceful())).await
        }
        "hyper" => {
            let service = ServiceBuilder::new().layer(layer).service_fn(answer);
            lifecycle.run(lifecycle.server().serve(listener, service)).await
        }
        // A handshake that waits for four bytes more than anybody sends.
        "tls" => {
            let service = ServiceBuilder::new().layer(layer).service_fn(answer);
            let server =
                lifecycle.server().tls(|mut io: tower_ready_shutdown::TrackedIo<_>| async {
                    tokio::io::AsyncReadExt::read_u32(&mut io).await?;
                    Ok(io)
                });
            lifecycle.run(server.serve(listener, service)).await
        }
        "tonic" => {
            let app = axum::Router::new().fallback_service(service_fn(answer));
            let server = tonic::transport::Server::builder()
                .accept_http1(true)
                .layer(layer)
                .add_routes(tonic::service::Routes::from(app))
                .serve_with_incoming_shutdown(lifecycle.incoming(listener), lifecycle.graceful());
            lifecycle.run(server).await
        }
        other => panic!("no host is called {other}"),
    }
}

pub(crate) async fn answer<B>(mut request: Request<B>) -> Result<Response<AnyBody>, Infallible>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let text = |text: &'static str| Full::from(text).map_err(|never| match never {}).boxed_unsync();
    Ok(match request.uri().path() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Response::new(text("slow"))
        }
        "/echo" => match request.body_mut().collect().await {
            Ok(body) => Response::new(
                Full::new(body.to_bytes()).map_err(|never| match never {}).boxed_unsync(),
            ),
            Err(_) => Response::builder().status(StatusCode::BAD_REQUEST).body(text("")).unwrap(),
        },
        "/stream" => Response::new(Endless::new().boxed_unsync()),
        "/flood" => Response::new(Flood.boxed_unsync()),
        "/upgrade" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                // Who ignores everything.
                let _kept = upgraded.await;
                std::future::pending::<()>().await;
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            let response = response.header("connection", "upgrade").header("upgrade", "deaf");
            response.body(text("")).unwrap()
        }
        _ => Response::new(text("ok")),
    })
}

/// A stream of one chunk a hundredth of a second.
struct Endless(tokio::time::Interval);

impl Endless {
    fn new() -> Self {
        Self(tokio::time::interval(Duration::from_millis(10)))
    }
}

impl Body for Endless {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_tick(cx).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"tick\n")))))
    }
}

/// A stream as fast as it is taken.
struct Flood;

impl Body for Flood {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}
