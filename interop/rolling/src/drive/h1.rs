//! A caller over one kept-alive connection of HTTP/1.1, which never sends anything twice.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::tally::Tally;

/// For one request; what takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// GET, GET, a small POST, one of several segments.
const BODIES: [usize; 4] = [0, 0, 100, 20_000];

struct Answer {
    status: u16,
    body: Vec<u8>,
    closes: bool,
}

pub(super) async fn call(address: SocketAddr, number: usize, tally: Arc<Tally>) {
    let mut connection = None;
    let mut turn = number;
    while !tally.is_over.load(Relaxed) {
        turn += 1;
        let body = vec![b'a' + (turn % 26) as u8; BODIES[turn % BODIES.len()]];
        let start = Instant::now();
        let exchanged = timeout(PATIENCE, exchange(&mut connection, address, &body)).await;
        let outcome = match exchanged {
            Ok(Ok(answer)) => {
                if answer.closes {
                    connection = None;
                }
                judge(&answer, &body)
            }
            Ok(Err(reason)) => {
                connection = None;
                Err(reason)
            }
            Err(_) => {
                connection = None;
                Err("no answer in time".to_owned())
            }
        };
        tally.note(start.elapsed(), outcome);
    }
}

fn judge(answer: &Answer, body: &[u8]) -> Result<(), String> {
    let expected = if body.is_empty() { b"ok" } else { body };
    match answer.status {
        200 if answer.body == expected => Ok(()),
        200 => Err("another body".to_owned()),
        status => Err(format!("status {status}")),
    }
}

async fn exchange(
    connection: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    body: &[u8],
) -> Result<Answer, String> {
    // As every client does, look whether the server has closed it meanwhile.
    if connection.as_ref().is_some_and(|stream| is_closed(stream.get_ref())) {
        *connection = None;
    }
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await.map_err(lost("connecting"))?;
            let _ = stream.set_nodelay(true);
            connection.insert(BufReader::new(stream))
        }
    };
    let mut request = if body.is_empty() {
        "GET / HTTP/1.1\r\nhost: rolling\r\n\r\n".to_owned().into_bytes()
    } else {
        let length = body.len();
        format!("POST /echo HTTP/1.1\r\nhost: rolling\r\ncontent-length: {length}\r\n\r\n").into()
    };
    request.extend_from_slice(body);
    stream.get_mut().write_all(&request).await.map_err(lost("sending"))?;
    read(stream).await
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    !matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Answer, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.map_err(lost("waiting for the answer"))?;
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| *found == name).map(|(_, value)| value.trim())
    };
    let length = field("content-length").and_then(|length| length.parse().ok());
    let length: usize = length.ok_or("an answer without a length")?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(lost("reading the answer"))?;
    Ok(Answer {
        status: status.ok_or("an answer without a status")?,
        body,
        closes: field("connection").is_some_and(|value| value.contains("close")),
    })
}

fn lost(when: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{when}: {:?}", error.kind())
}
