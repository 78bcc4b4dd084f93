//! Uploads that stall, with the clock stopped and over real sockets.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::sleep,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ready_core::Instant;
use tower_ready_deadline::{Deadlines, Event, Expired, Reason, UploadBody};
use tower_ready_testing::{Call, contract, each_host};

const SECOND: Duration = Duration::from_secs(1);

/// A body that is fed by hand.
struct Fed(mpsc::UnboundedReceiver<Bytes>);

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// Feeds a piece after each of these pauses in seconds, and then is silent.
fn fed(pauses: &'static [u64], ends: bool) -> Fed {
    let (feed, frames) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for pause in pauses {
            sleep(SECOND * *pause as u32).await;
            let _ = feed.send(Bytes::from_static(b"piece"));
        }
        if !ends {
            feed.closed().await;
        }
    });
    Fed(frames)
}

fn deadlines() -> Deadlines {
    Deadlines::builder().upload_idle(SECOND * 5).build().unwrap()
}

fn request<B>(body: B, content_type: &str) -> Request<B> {
    Request::post("/a.B/C").header("content-type", content_type).body(body).unwrap()
}

/// Reads all, and makes nothing of an error.
async fn reader<B>(request: Request<UploadBody<B>>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: Body<Data = Bytes, Error = Infallible>,
{
    let body = Box::pin(request.into_body());
    Ok(match body.collect().await {
        Ok(read) => Response::new(Full::new(read.to_bytes())),
        Err(error) => {
            assert_eq!(error.downcast::<Expired>().unwrap().reason(), Reason::Idle);
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stalls_is_ended_and_one_that_moves_is_not() {
    let deadlines = deadlines();
    let began = Instant::now();
    let service = deadlines.uploads().layer(service_fn(reader));
    let moving = fed(&[4, 4, 4, 4], true);
    let answer = service.clone().oneshot(request(moving, "text/plain")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 20);
    assert_eq!(Instant::now().since(began).as_secs(), 16);

    let stalls = fed(&[4], false);
    let answer = service.clone().oneshot(request(stalls, "text/plain")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(Instant::now().since(began).as_secs(), 25);
    let problem = answer.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["code"], "UPLOAD_STALLED");
    assert_eq!(deadlines.stats().stalled, 1);

    let answer = service.oneshot(request(fed(&[], false), "application/grpc")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["grpc-status"]),
        (200, &"4".parse().unwrap())
    );
    assert_eq!(deadlines.stats().stalled, 2);
}

/// The time of who reads is its own.
#[tokio::test(start_paused = true)]
async fn a_handler_that_reads_slowly_is_not_taken_for_an_upload_that_stalls() {
    let slow = service_fn(|request: Request<UploadBody<Fed>>| async move {
        let mut body = Box::pin(request.into_body());
        let mut pieces = 0;
        while let Some(frame) = body.frame().await {
            pieces += usize::from(frame.is_ok());
            sleep(SECOND * 60).await;
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(pieces.to_string()))))
    });
    let service = deadlines().uploads().layer(slow);
    let answer = service.oneshot(request(fed(&[1, 1, 1], true), "text/plain")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "3");
}

/// A handler that has answered reads no more, so there is nothing to stall.
#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_does_not_stall() {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(0));
    let ears = std::sync::Arc::clone(&heard);
    let deadlines = Deadlines::builder().upload_idle(SECOND);
    let deadlines = deadlines.on_event(move |_: &Event<'_>| *ears.lock().unwrap() += 1);
    let ignoring = service_fn(|request: Request<UploadBody<Fed>>| async move {
        sleep(SECOND * 60).await;
        drop(request);
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let mut service = deadlines.build().unwrap().uploads().layer(ignoring);
    let answer = service.call(request(fed(&[], false), "text/plain")).await.unwrap();
    assert_eq!((answer.status(), *heard.lock().unwrap()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn the_contract_of_every_layer_holds() {
    contract::check(|| deadlines().uploads()).await;
}

/// Over a socket, with an extractor that answers 400 by itself.
#[tokio::test]
async fn a_caller_that_stalls_is_told_408() {
    let deadlines = Deadlines::builder().upload_idle(Duration::from_millis(100)).build().unwrap();
    let app = Router::<()>::new()
        .route("/", post(|body: Bytes| async move { body.len().to_string() }))
        .layer(deadlines.uploads());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nbut a few";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 512];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(deadlines.stats().stalled, 1);
}

each_host! {
    async fn whole_requests_pass_on_every_host(host) {
        let deadlines = deadlines();
        let server = host.serve(deadlines.uploads()).await;
        server.call(Call::ok()).await.assert_ok();
        server.call(Call::stream(2)).await.assert_ok();
        assert_eq!(deadlines.stats().stalled, 0);
    }
}
