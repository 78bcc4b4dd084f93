//! A client for exporters, which have threads of their own and may wait there.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

/// How long the collector may take to connect, to read and to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Enough for the line that has the status.
const HEAD: usize = 64;

/// Posts to a collector over plain HTTP, on a connection for each batch: it is beside us, and
/// batches are seconds apart. An HTTP client would be more code than the rest of this service.
#[derive(Debug)]
pub(super) struct Post;

#[tonic::async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let authority = head.uri.authority().ok_or("no host")?;
        let place = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
        let address = place.to_socket_addrs()?.next().ok_or("no address")?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;

        let mut text =
            format!("{} {} HTTP/1.1\r\nhost: {authority}\r\n", head.method, head.uri.path());
        text += &format!("content-length: {}\r\nconnection: close\r\n", body.len());
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\r\n", value.to_str()?);
        }
        stream.write_all(format!("{text}\r\n").as_bytes())?;
        stream.write_all(&body)?;
        let mut answer = Vec::new();
        stream.take(HEAD as u64).read_to_end(&mut answer)?;
        let status = answer.get(9..12).ok_or("no status")?;
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}
