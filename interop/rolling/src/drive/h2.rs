//! Callers of gRPC over one connection of HTTP/2, which never send anything twice.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request, StatusCode};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::tally::Tally;

/// How many calls a connection carries at a time.
pub(super) const STREAMS: usize = 8;

/// For one call; what takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);

const MESSAGES: [usize; 3] = [0, 100, 20_000];

type Sender = SendRequest<Bytes>;

/// Opens a connection, uses it until the server tells it to go, and opens the next.
pub(super) async fn call(address: SocketAddr, number: usize, tally: Arc<Tally>) {
    while !tally.is_over.load(Relaxed) {
        let start = Instant::now();
        let sender = match timeout(PATIENCE, connect(address)).await {
            Ok(Ok(sender)) => sender,
            Ok(Err(reason)) => {
                tally.note(start.elapsed(), Err(reason));
                continue;
            }
            Err(_) => {
                tally.note(start.elapsed(), Err("no connection in time".to_owned()));
                continue;
            }
        };
        let mut streams = JoinSet::new();
        for stream in 0..STREAMS {
            streams.spawn(stream_of_calls(sender.clone(), number + stream, Arc::clone(&tally)));
        }
        while streams.join_next().await.is_some() {}
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("connecting: {:?}", error.kind()))?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) =
        h2::client::handshake(stream).await.map_err(|error| format!("connecting: {error}"))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One call after the other, until the connection takes no more.
async fn stream_of_calls(mut sender: Sender, mut turn: usize, tally: Arc<Tally>) {
    while !tally.is_over.load(Relaxed) {
        turn += 1;
        let message = framed(turn);
        let start = Instant::now();
        let Ok(ready) = sender.ready().await else { return };
        sender = ready;
        // An error here says that the server told us to go before anything was sent: no loss.
        let Some(answer) = send(&mut sender, &message) else { return };
        let outcome = match timeout(PATIENCE, judge(answer, &message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Loss::Unbegun)) => return tally.note_again(),
            Ok(Err(Loss::Lost(reason))) => Err(reason),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let is_lost = outcome.is_err();
        tally.note(start.elapsed(), outcome);
        if is_lost {
            return;
        }
    }
}

fn send(sender: &mut Sender, message: &Bytes) -> Option<ResponseFuture> {
    let request = Request::post("http://rolling/rolling.v1.Echo/Echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .ok()?;
    let (answer, mut body) = sender.send_request(request, false).ok()?;
    // A stream that has broken tells so in its answer.
    let _ = body.send_data(message.clone(), true);
    Some(answer)
}

fn framed(turn: usize) -> Bytes {
    let length = MESSAGES[turn % MESSAGES.len()];
    let mut message = BytesMut::with_capacity(5 + length);
    message.put_u8(0);
    message.put_u32(length as u32);
    message.put_bytes(b'a' + (turn % 26) as u8, length);
    message.freeze()
}

enum Loss {
    /// The number of the stream is above the last one that the server looked at.
    Unbegun,
    Lost(String),
}

async fn judge(answer: ResponseFuture, message: &Bytes) -> Result<(), Loss> {
    let (head, mut body) = answer.await.map_err(refused)?.into_parts();
    if head.status != StatusCode::OK {
        return Err(Loss::Lost(format!("status {}", head.status.as_u16())));
    }
    let mut read = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        let _ = body.flow_control().release_capacity(data.len());
        read.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.map_err(broken)?;
    match code(&head.headers).or_else(|| code(trailers.as_ref()?)).as_deref() {
        Some("0") if read == *message => Ok(()),
        Some("0") => Err(Loss::Lost("another message".to_owned())),
        Some(code) => Err(Loss::Lost(format!("grpc-status {code}"))),
        None => {
            let (got, of) = (read.len(), message.len());
            Err(Loss::Lost(format!("no grpc-status, after {got} of {of} bytes")))
        }
    }
}

/// h2 gives the error of a GOAWAY to those streams alone that the server says it did not begin.
fn refused(error: h2::Error) -> Loss {
    match error.reason() {
        Some(h2::Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Loss::Unbegun,
        Some(h2::Reason::REFUSED_STREAM) if error.is_remote() => Loss::Unbegun,
        _ => broken(error),
    }
}

fn code(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("grpc-status")?.to_str().ok()?.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: h2::Error) -> Loss {
    Loss::Lost(format!("broken: {error}"))
}
