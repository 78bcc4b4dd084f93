//! Three services in a row, axum, tonic and hyper, over real sockets: each has less time than the
//! one before, and the work of the last one ends when the first caller's time is up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Extension, routing::get};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tonic::{
    Response, Status,
    codegen::BoxStream,
    transport::{Channel, server::TcpIncoming},
};
use tower::{Layer, ServiceExt};
use tower_ready_deadline::{
    ClientDeadlineService, ClientDeadlines, Deadline, DeadlineExt, Deadlines, current,
};
use tower_ready_testing::{
    Call, Server,
    hosts::{Axum, Hyper},
    probe::{
        Probe,
        proto::{
            Answer, Behaviour,
            probe_client::ProbeClient,
            probe_server::{self, ProbeServer},
        },
    },
};

/// What the first caller waits, and each hop keeps for the way.
const PATIENCE: Duration = Duration::from_secs(3);
const MARGIN: Duration = Duration::from_millis(40);

/// What was left at each hop.
type Left = Arc<Mutex<Vec<Duration>>>;

fn server() -> Deadlines {
    Deadlines::builder().timeout(Duration::from_secs(60)).task_local(true).build().unwrap()
}

fn client() -> ClientDeadlines {
    ClientDeadlines::builder().margin(MARGIN).build().unwrap()
}

/// The one in the middle, which asks the last one.
struct Middle {
    last: ClientDeadlineService<Client<HttpConnector, Empty<Bytes>>>,
    uri: Uri,
    left: Left,
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl probe_server::Probe for Middle {
    type StreamStream = BoxStream<Answer>;

    async fn a(&self, _: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.left.lock().unwrap().push(current().unwrap().left());
        let request = Request::get(self.uri.clone()).body(Empty::new()).unwrap();
        let answer = self.last.clone().oneshot(request).await;
        let status = answer.map_err(|error| Status::unavailable(error.to_string()))?.status();
        Ok(Response::new(Answer { text: status.to_string() }))
    }

    async fn b(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.a(request).await
    }

    async fn c(&self, request: tonic::Request<Behaviour>) -> Reply<Answer> {
        self.a(request).await
    }

    async fn stream(&self, _: tonic::Request<Behaviour>) -> Reply<Self::StreamStream> {
        Err(Status::unimplemented("this is about single answers"))
    }
}

/// The first one: it asks the one in the middle, and says what came of it.
async fn first(
    Extension(deadline): Extension<Deadline>,
    Extension(left): Extension<Left>,
    Extension(channel): Extension<ClientDeadlineService<Channel>>,
) -> Result<String, StatusCode> {
    left.lock().unwrap().push(deadline.left());
    let answer = ProbeClient::new(channel).a(Behaviour::default()).await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(answer.into_inner().text)
}

/// All three; what is left at each of the first two; the last one, which waits at its gate.
async fn chain() -> (Server, Left, Server) {
    let left = Left::default();
    let last = Hyper.serve(server().layer()).await;

    let uri = format!("http://{}/probe/a?gated=1", last.address());
    let middle = Middle {
        last: client().layer().layer(Client::builder(TokioExecutor::new()).build_http()),
        uri: uri.parse().unwrap(),
        left: Arc::clone(&left),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tonic = tonic::transport::Server::builder()
        .layer(server().layer())
        .add_service(ProbeServer::new(middle));
    tokio::spawn(tonic.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = client().layer().layer(channel.connect().await.unwrap());
    let router = Router::new()
        .route("/probe/first", get(first))
        .layer(server().layer())
        .layer(Extension(channel))
        .layer(Extension(Arc::clone(&left)));
    let first = Axum.serve_router(router, Probe::new()).await;
    (first, left, last)
}

#[tokio::test]
async fn the_budget_shrinks_at_each_hop_and_the_last_work_ends_with_it() {
    let (first, left, last) = chain().await;
    let call = Call::ok().at("/probe/first");
    let patience = PATIENCE.as_millis().to_string();
    let call = first.start(call.header("x-request-timeout-ms", patience));

    last.until(|counts| counts.waiting == 1).await;
    let deadline: Deadline = *last.last_seen().extension().unwrap();
    let mut left = left.lock().unwrap().clone();
    left.push(deadline.left());
    assert_eq!(left.len(), 3);
    assert!(left[0] < PATIENCE, "{left:?}");
    assert!(left[1] + MARGIN <= left[0], "{left:?}");
    assert!(left[2] + MARGIN <= left[1], "{left:?}");

    last.until(|counts| counts.abandoned == 1 && counts.concurrent == 0).await;
    assert!(deadline.is_over());
    let reply = call.await;
    assert!(reply.text() != "200 OK", "nobody ever answered: {reply:?}");
}

#[tokio::test]
async fn the_last_work_ends_when_the_first_caller_leaves() {
    let (first, _, last) = chain().await;
    let call = first.start(Call::ok().at("/probe/first"));
    last.until(|counts| counts.waiting == 1).await;
    call.hang_up().await;
    last.until(|counts| counts.abandoned == 1 && counts.concurrent == 0).await;
}

#[tokio::test]
async fn an_answer_in_time_comes_through_all_three() {
    let (first, _, last) = chain().await;
    last.release(1);
    let call = Call::ok().at("/probe/first").header("x-request-timeout-ms", "60000");
    let reply = first.call(call).await;
    reply.assert_ok();
    assert_eq!(reply.text(), "200 OK");
}
