//! What the HTTP routes answer.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
};

use futures_util::{SinkExt, StreamExt};
use http::Method;
use http_body_util::BodyExt;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{call, get, order, order_7, within},
    server::{HTTP_HOSTS, Server},
};

#[tokio::test]
async fn a_request_has_one_id_and_an_answer() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let answer = get(server.address, "/").await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"ok"[..]));
        assert!(answer.header("ratelimit-policy").contains("\"address\";q=200;w=1"));
        assert!(answer.header("ratelimit").contains("\"address\""));

        let answer = order_7(server.address, &server.token).await;
        let id = answer.header("x-request-id");
        assert_eq!(answer.json(), serde_json::json!({"id": 7, "by": "dev", "request_id": id}));

        let get = || call(server.address, Method::GET, "/orders/7").by(&server.token);
        let kept = get().header("x-request-id", "A-z0.9_~").send().await;
        assert_eq!(kept.header("x-request-id"), "A-z0.9_~");
        assert_eq!(kept.json()["request_id"], "A-z0.9_~");
        let long = "x".repeat(129);
        for ids in [&["a b"][..], &["a,b"], &[&long], &["one", "two"]] {
            let asked = ids.iter().fold(get(), |call, id| call.header("x-request-id", id));
            let answer = asked.send().await;
            let id = answer.header("x-request-id");
            assert!(id.len() == 36 && answer.json()["request_id"] == id, "{host}: {id}");
        }
        server.stop();
    }
}

#[tokio::test]
async fn an_order_is_taken_or_told_all_of_its_faults() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let json = "application/json; charset=utf-8";
        let taken = order(&server, json, r#"{"item":"teapot","quantity":1}"#).await;
        assert_eq!(taken.status, 201);
        let id = taken.json()["id"].as_u64().unwrap();
        assert_eq!(taken.header("location"), format!("/orders/{id}"));

        for (body, pointers) in [
            ("{}", &["#/item", "#/quantity"][..]),
            (r#"{"item":"","quantity":101}"#, &["#/item", "#/quantity"]),
            (r#"{"item":[],"quantity":"1"}"#, &["#/item", "#/quantity"]),
            (r#"{"item":"t","quantity":0}"#, &["#/quantity"]),
            ("null", &["#"]),
        ] {
            let problem = order(&server, json, body).await.assert_problem(422);
            let errors = problem["errors"].as_array().unwrap();
            let found: Vec<_> = errors.iter().map(|error| error["pointer"].clone()).collect();
            assert_eq!(found, pointers, "{host}: {body}");
            assert!(errors.iter().all(|error| error["detail"].is_string()));
        }
        for body in ["", "{", "{\"item\":\"t\"", "\u{0}"] {
            order(&server, json, body).await.assert_problem(400);
        }
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "json", "\t"] {
            let refused = order(&server, media_type, "{}").await;
            refused.assert_problem(415);
            assert_eq!(refused.header("accept"), "application/json", "{host}");
        }
        server.stop();
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_right_is_a_problem() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        for (path, status) in [
            ("/nothing/here", 404),
            ("/problems/nothing", 404),
            ("/orders/", 404),
            ("/orders/x", 400),
            ("/orders/-1", 400),
            ("/orders/99999999999999999999", 400),
            ("/slow", 400),
            ("/slow?ms=soon", 400),
            ("/fail", 400),
            ("/fail?status=99", 400),
            ("/fail?status=600", 400),
            ("/fail?status=x", 400),
            ("/stream", 400),
            ("/stream?chunks=-1", 400),
            ("/fail?status=400", 400),
            ("/fail?status=418", 418),
            ("/fail?status=503", 503),
        ] {
            let asked = call(server.address, Method::GET, path).by(&server.token).send().await;
            let problem = asked.assert_problem(status);
            let plain = path.split('?').next().unwrap();
            assert_eq!(problem["instance"], plain, "{host}: {path}");
        }
        for (method, path, allowed) in [
            (Method::DELETE, "/orders/7", "GET"),
            (Method::GET, "/orders", "POST"),
            (Method::GET, "/echo", "POST"),
            (Method::PUT, "/", "GET"),
            (Method::POST, "/events", "GET"),
            (Method::POST, "/problems", "GET"),
        ] {
            let refused = call(server.address, method, path).send().await;
            refused.assert_problem(405);
            assert!(refused.header("allow").contains(allowed), "{host}: {path}");
        }
        server.stop();
    }
}

/// A connection whose request has the only slot: another is told that all are taken.
async fn busy(address: SocketAddr) -> TcpStream {
    loop {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(b"GET /slow?ms=600000 HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
        connection.set_nonblocking(true).unwrap();
        // It is answered only if the other one had the slot when it came.
        while connection.peek(&mut [0]).is_err() {
            if get(address, "/").await.status == 503 {
                return connection;
            }
        }
    }
}

#[tokio::test]
async fn a_handler_may_take_its_time_and_choose_its_status() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        assert_eq!(get(server.address, "/slow?ms=1").await.status, 200);
        server.logs(&["slow finished", "request_id="]);
        for status in ["200", "204", "302"] {
            let answer = get(server.address, &format!("/fail?status={status}")).await;
            assert_eq!((answer.status.as_str(), answer.body.len()), (status, 0), "{host}");
        }
        server.stop();

        // Whoever leaves takes the work along.
        let server = Server::start(host, &["--max-in-flight", "1"]);
        drop(within(busy(server.address)).await);
        server.logs(&["slow abandoned"]);
        server.stop();
    }
}

#[tokio::test]
async fn a_type_leads_to_a_page_for_people_and_programs() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--admin", "127.0.0.1:0"]);
        let problem = order(&server, "application/json", "{}").await.assert_problem(422);
        let page = problem["type"].as_str().unwrap();
        for address in [server.address, server.admin.unwrap()] {
            let json = get(address, page).await.json();
            assert_eq!(json["problems"][0]["title"], problem["title"], "{host}");
            let all = get(address, "/problems").await.json();
            assert!(all["problems"].as_array().unwrap().len() > 3);
            let html = call(address, Method::GET, page).header("accept", "text/html").send().await;
            assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
        }
        server.stop();
    }
}

#[tokio::test]
async fn a_stream_has_all_of_its_lines_or_breaks() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let whole = get(server.address, "/stream?chunks=3&every_ms=1").await;
        assert_eq!(&whole.body[..], b"line 1\nline 2\nline 3\n", "{host}");

        let path = "/stream?chunks=5&every_ms=0&fail_after=2";
        let mut body = call(server.address, Method::GET, path).open().await.into_body();
        let mut received = Vec::new();
        let broken = loop {
            match within(body.frame()).await {
                Some(Ok(frame)) => received.extend_from_slice(&frame.into_data().unwrap()),
                end => break end,
            }
        };
        assert!(matches!(broken, Some(Err(_))), "{host}: a broken body looked whole");
        assert_eq!(received, b"line 1\nline 2\n", "{host}");
        server.stop();
    }
}

#[tokio::test]
async fn events_come_as_they_happen() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let (head, mut body) =
            call(server.address, Method::GET, "/events").open().await.into_parts();
        assert_eq!(head.headers["content-type"], "text/event-stream");
        for n in 1..=2 {
            let event = within(body.frame()).await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(event, format!("id: {n}\ndata: {{\"event\":{n}}}\n\n"), "{host}");
        }
        server.stop();
    }
}

#[tokio::test]
async fn a_web_socket_says_back_what_it_hears() {
    let server = Server::start("axum", &[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}/ws", server.address);
    let (mut socket, _) = within(tokio_tungstenite::client_async(url, stream)).await.unwrap();
    for message in [Message::text("a teapot"), Message::binary(vec![0, 159, 146, 150])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(within(socket.next()).await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    assert!(within(socket.next()).await.unwrap().unwrap().is_close());
    drop(socket);
    // Without its handshake it is no WebSocket.
    let refused = get(server.address, "/ws").await;
    refused.assert_problem(refused.status.as_u16());
    assert!(refused.status.is_client_error());
    server.stop();
}
