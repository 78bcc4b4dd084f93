//! How a server ends: nothing that was begun is lost, and the exit code says so.

use std::{io::Read, net::TcpStream};

use futures_util::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    client::{call, get, within},
    server::{HTTP_HOSTS, Server},
};

#[tokio::test]
async fn what_is_in_flight_is_finished() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let open = |path| call(server.address, Method::GET, path).open();
        let stream = open("/stream?chunks=10&every_ms=20").await.into_body();
        let events = open("/events").await.into_body();
        let mut silent = TcpStream::connect(server.address).unwrap();
        // Accepted in the order in which they came: with this answer all of them are.
        get(server.address, "/").await;

        server.terminate();
        let lines = within(stream.collect()).await.unwrap().to_bytes();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 10, "{host}");
        within(events.collect()).await.unwrap();
        assert_eq!(silent.read(&mut [0]).unwrap(), 0, "{host}: no end for who said nothing");
        let address = server.address;
        let (status, rest) = server.ended();
        assert!(status.success(), "{host}: {status}: {rest:?}");
        assert!(TcpStream::connect(address).is_err(), "{host} still listens");
    }
}

#[tokio::test]
async fn a_web_socket_is_told_that_the_server_goes() {
    let server = Server::start("axum", &[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}/ws", server.address);
    let (mut socket, _) = within(tokio_tungstenite::client_async(url, stream)).await.unwrap();
    server.terminate();
    let Message::Close(Some(close)) = within(socket.next()).await.unwrap().unwrap() else {
        panic!("no close");
    };
    assert_eq!(close.code, CloseCode::Away);
    // Reading on answers the close.
    assert!(within(socket.next()).await.is_none_or(|end| end.is_err()));
    let (status, rest) = server.ended();
    assert!(status.success(), "{status}: {rest:?}");
}

#[tokio::test]
async fn an_operator_may_ask_for_the_end() {
    for binary in ["axum", "hyper", "tonic"] {
        let server = Server::start(binary, &["--admin", "127.0.0.1:0"]);
        let admin = server.admin.unwrap();
        get(admin, "/drain").await.assert_problem(405);
        let asked = call(admin, Method::POST, "/drain").send().await;
        assert_eq!(asked.status, 202, "{binary}");
        let (status, rest) = server.ended();
        assert!(status.success(), "{binary}: {status}: {rest:?}");
    }
}

#[tokio::test]
async fn an_instance_that_leaves_serves_until_balancers_have_noticed() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--lame-duck", "4s"]);
        let upload = call(server.address, Method::GET, "/slow?ms=4500").open();
        let upload = tokio::spawn(upload);
        get(server.address, "/").await;
        server.terminate();
        let noticed = async { while get(server.address, "/readyz").await.status != 503 {} };
        within(noticed).await;
        assert_eq!(get(server.address, "/livez").await.status, 200, "{host}");
        assert_eq!(get(server.address, "/").await.status, 200, "{host}");
        assert_eq!(within(upload).await.unwrap().status(), 200, "{host}");
        let (status, rest) = server.ended();
        assert!(status.success(), "{host}: {status}: {rest:?}");
    }
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_does_not_look_whole() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--drain", "500ms"]);
        let path = "/stream?chunks=1000000&every_ms=20";
        let body = call(server.address, Method::GET, path).open().await.into_body();
        server.terminate();
        assert!(within(body.collect()).await.is_err(), "{host}: a body that was cut looked whole");
        let (status, rest) = server.ended();
        assert!(!status.success(), "{host}: {rest:?}");
        assert!(rest.iter().any(|line| line.contains("/stream")), "{host}: {rest:?}");
    }
}

#[tokio::test]
async fn a_second_signal_cuts_and_says_so() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let _slow =
            call(server.address, Method::GET, "/stream?chunks=2&every_ms=600000").open().await;
        server.terminate();
        server.logs(&["the process is closing"]);
        server.terminate();
        let (status, rest) = server.ended();
        assert_eq!(status.code(), Some(1), "{host}");
        assert!(
            rest.iter().any(|line| line.contains("cut: request GET /stream")),
            "{host}: {rest:?}"
        );
    }
}
