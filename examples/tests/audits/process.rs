//! The life of a process: how it starts, whether it is well, and how it leaves.

use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{
        Request,
        ws::{Message as Heard, WebSocketUpgrade},
    },
    http::StatusCode,
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::get as on_get,
};
use futures_util::{StreamExt, stream};
use http::Method;
use http_body_util::BodyExt;
use tokio::{net::TcpListener, runtime::Runtime, sync::Notify, task::spawn_blocking};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tower_ready_deadline::Deadlines;
use tower_ready_shutdown::{
    Lifecycle, Timings,
    health::{Check, Health},
    streams::say_goodbye,
};

use crate::{
    client::{call, get, within},
    finding::{comes_true, finding, finding_in_time, holds},
    server::PATIENCE,
    service::{handlers, serve},
};

/// A service that can be told to end.
struct Process {
    address: SocketAddr,
    life: Life,
}

enum Life {
    /// Ends as a process does that hears no signals: all of it at once.
    Careless(Runtime),
    Careful(Lifecycle),
}

impl Process {
    fn careless(router: Router) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        });
        Self { address, life: Life::Careless(runtime) }
    }

    async fn careful(lifecycle: Lifecycle, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = lifecycle.serve_axum(listener, router.layer(lifecycle.layer()));
        let running = lifecycle.clone();
        tokio::spawn(async move { running.run(server).await });
        Self { address, life: Life::Careful(lifecycle) }
    }

    /// What SIGTERM does.
    async fn end(self) {
        match self.life {
            Life::Careless(runtime) => {
                spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
            }
            Life::Careful(lifecycle) => lifecycle.drain(),
        }
    }
}

fn lifecycle(drain: Duration) -> Lifecycle {
    Lifecycle::builder().timings(Timings::new(Duration::ZERO, drain)).build().unwrap()
}

/// `GET /lines`: a line, and another one when the gate opens.
fn lines(gate: &Arc<Notify>) -> Router {
    let gate = gate.clone();
    let answer = async move || {
        let first = stream::iter([Ok::<_, std::io::Error>("line 1\n")]);
        let second = stream::once(async move {
            gate.notified().await;
            Ok("line 2\n")
        });
        Body::from_stream(first.chain(second))
    };
    Router::new().route("/lines", on_get(answer))
}

#[tokio::test]
async fn a_deployment_breaks_requests() {
    let gates = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    let careless = Process::careless(lines(&gates[0]));
    let careful = Process::careful(lifecycle(PATIENCE), lines(&gates[1])).await;
    let [first, second] = gates;
    finding((careless, first), (careful, second), async |(process, gate)| {
        let mut body = call(process.address, Method::GET, "/lines").open().await.into_body();
        assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "line 1\n");
        process.end().await;
        gate.notify_one();
        let rest = within(body.collect()).await.map(|rest| rest.to_bytes());
        holds(rest.is_ok_and(|rest| rest == "line 2\n"), "an answer that was begun breaks off")
    })
    .await;
}

#[tokio::test]
async fn what_is_cut_looks_whole() {
    // Nobody opens the gate, so what is begun does not end by itself.
    let gate = Arc::new(Notify::new());
    let careless = Process::careless(lines(&gate));
    let careful = Process::careful(lifecycle(Duration::from_millis(200)), lines(&gate)).await;
    finding(careless, careful, async |process| {
        let to = process.address;
        let mut client = spawn_blocking(move || {
            let mut client = TcpStream::connect(to).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            // Over HTTP/1.0 the end of a body is the end of the connection.
            std::io::Write::write_all(&mut client, b"GET /lines HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"line 1\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                answer.extend(byte);
            }
            client
        });
        let mut client = (&mut client).await.unwrap();
        process.end().await;
        let end = spawn_blocking(move || client.read(&mut [0]));
        holds(end.await.unwrap().is_err(), "half of an answer looks like all of it")
    })
    .await;
}

/// `GET /ws`: says nothing, until the server leaves.
fn web_socket(lifecycle: Option<Lifecycle>) -> Router {
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut socket| match lifecycle {
            Some(lifecycle) => {
                lifecycle.closing().await;
                say_goodbye(socket).await;
            }
            None => while let Some(Ok(Heard::Text(_))) = socket.recv().await {},
        })
    };
    Router::new().route("/ws", on_get(upgrade))
}

#[tokio::test]
async fn web_sockets_are_cut() {
    let lifecycle = lifecycle(PATIENCE);
    let careless = Process::careless(web_socket(None));
    let careful = Process::careful(lifecycle.clone(), web_socket(Some(lifecycle))).await;
    finding(careless, careful, async |process| {
        let stream = tokio::net::TcpStream::connect(process.address).await.unwrap();
        let url = format!("ws://{}/ws", process.address);
        let (mut socket, _) = within(tokio_tungstenite::client_async(url, stream)).await.unwrap();
        process.end().await;
        let said = within(socket.next()).await;
        let is_goodbye = |said: &Message| matches!(said, Message::Close(Some(close)) if close.code == CloseCode::Away);
        holds(said.is_some_and(|said| said.is_ok_and(|said| is_goodbye(&said))), "the connection breaks")
    })
    .await;
}

/// `GET /mail`: begins a job, which is done when the gate opens.
fn mail(lifecycle: Option<Lifecycle>, gate: &Arc<Notify>, sent: &Arc<AtomicBool>) -> Router {
    let (gate, sent) = (gate.clone(), sent.clone());
    let begin = async move || {
        let job = async move {
            gate.notified().await;
            sent.store(true, Ordering::SeqCst);
        };
        match lifecycle {
            Some(lifecycle) => lifecycle.spawn("mail", |_| job),
            None => drop(tokio::spawn(job)),
        }
        "it will be sent"
    };
    Router::new().route("/mail", on_get(begin))
}

#[tokio::test]
async fn background_work_is_cut() {
    let case = || (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let ((gate, sent), (gate_of, sent_of)) = (case(), case());
    let careless = Process::careless(mail(None, &gate, &sent));
    let lifecycle = lifecycle(PATIENCE);
    let router = mail(Some(lifecycle.clone()), &gate_of, &sent_of);
    let careful = Process::careful(lifecycle, router).await;
    let careful = (careful, gate_of, sent_of);
    finding_in_time((careless, gate, sent), careful, async |(process, gate, sent), patience| {
        assert_eq!(get(process.address, "/mail").await.status, 200);
        process.end().await;
        gate.notify_one();
        let done = comes_true(patience, async || sent.load(Ordering::SeqCst)).await;
        holds(done, "what an answer promised never happens")
    })
    .await;
}

#[tokio::test]
async fn hooks_run_in_no_order() {
    type Diary = Arc<Mutex<Vec<&'static str>>>;
    let lifecycle = lifecycle(PATIENCE);
    let (nothing, diary) = (Diary::default(), Diary::default());
    for name in ["database", "telemetry"] {
        let diary = diary.clone();
        lifecycle.on_stop(name, async move || diary.lock().unwrap().push(name));
    }
    let careful = (Process::careful(lifecycle, handlers()).await, diary);
    finding_in_time(
        (Process::careless(handlers()), nothing),
        careful,
        async |(process, diary), patience| {
            assert_eq!(get(process.address, "/").await.status, 200);
            process.end().await;
            comes_true(patience, async || diary.lock().unwrap().len() == 2).await;
            // The latest first: what came last may need what was there before.
            let order = diary.lock().unwrap().clone();
            holds(order == ["telemetry", "database"], format!("at the end there ran {order:?}"))
        },
    )
    .await;
}

#[tokio::test]
async fn one_probe_for_three_questions() {
    let is_there = Arc::new(AtomicBool::new(true));
    let asked = is_there.clone();
    let one_for_all = async move || match asked.load(Ordering::SeqCst) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let unprotected = ["/livez", "/readyz", "/startupz"]
        .into_iter()
        .fold(handlers(), |router, path| router.route(path, on_get(one_for_all.clone())));
    let asked = is_there.clone();
    let database = Check::new("database", move || {
        let is_there = asked.load(Ordering::SeqCst);
        async move { if is_there { Ok(()) } else { Err("connection refused") } }
    });
    let often = Duration::from_millis(50);
    let database = database.every(often).timeout(often).rise(1).fall(1);
    let health = Health::builder().check(database).build().unwrap();
    let protected = handlers().layer(health.layer());
    finding(serve(unprotected).await, serve(protected).await, async |server| {
        let becomes = async |path: &str, status: u16| {
            let is_so = async || get(server, path).await.status == status;
            assert!(comes_true(PATIENCE, is_so).await, "{path} is never {status}");
        };
        is_there.store(true, Ordering::SeqCst);
        for path in ["/startupz", "/readyz", "/livez"] {
            becomes(path, 200).await;
        }
        is_there.store(false, Ordering::SeqCst);
        becomes("/readyz", 503).await;
        let live = get(server, "/livez").await.status;
        holds(live == 200, "the orchestrator restarts every instance, since the database is away")?;
        let started = get(server, "/startupz").await.status;
        holds(started == 200, "and takes those that run for those that start")
    })
    .await;
}

#[tokio::test]
async fn wrong_configuration_is_found_in_production() {
    // `TIMEOUT=10` without a unit, which somebody reads as best they can.
    let told =
        "10".strip_suffix("s").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let report = async || {
        tokio::time::sleep(Duration::from_millis(20)).await;
        "a report"
    };
    let report = Router::new().route("/report", on_get(report));
    let by_hand = report.clone().layer(from_fn(move |request: Request, next: Next| async move {
        let answer = tokio::time::timeout(told.unwrap_or_default(), next.run(request)).await;
        answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
    }));
    let ours = Deadlines::builder().timeout(told.unwrap_or_default()).build();
    let ours = match ours {
        Ok(deadlines) => Ok(serve(report.layer(deadlines.layer())).await),
        Err(error) => Err(error.to_string()),
    };
    finding(Ok(serve(by_hand).await), ours, async |started| match started {
        Err(error) => {
            holds(error.contains("timeout"), format!("it does not say what is wrong: {error}"))
        }
        Ok(server) => {
            let status = get(server, "/report").await.status;
            holds(status == 200, "it starts, and every request is too late")
        }
    })
    .await;
}
