//! What clients send that mean no good, to every route.

use std::net::SocketAddr;

use crate::{
    client::{get, raw, raw_whole},
    server::{HTTP_HOSTS, Server},
};

const PATHS: [&str; 17] = [
    "/",
    "/admin/report",
    "/upstream/x",
    "/upstream/%2e%2e/%ff",
    "/orders",
    "/orders/7",
    "/slow?ms=0",
    "/fail?status=200",
    "/panic",
    "/stream?chunks=1",
    "/ws",
    "/echo",
    "/problems",
    "/problems/internal",
    "/nothing",
    "/%ff%fe/%00",
    "/orders/%ff",
];

/// Statuses that are the server's fault, where nobody asked for one.
fn blames_itself(path: &str, answer: &[u8]) -> bool {
    path != "/panic" && answer.starts_with(b"HTTP/1.1 5")
}

async fn lives(server: SocketAddr, after: &str) {
    assert_eq!(get(server, "/").await.status, 200, "after {after}");
}

#[tokio::test]
async fn every_route_survives_every_form_of_request() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--ip-quota", "1000000/1s"]);
        let huge = "x".repeat(1_000_000);
        for path in PATHS {
            let heads = [
                format!("BREW {path} HTTP/1.1\r\nhost: h\r\n\r\n"),
                format!("TRACE {path} HTTP/1.1\r\nhost: h\r\n\r\n"),
                format!("HEAD {path} HTTP/1.1\r\nhost: h\r\n\r\n"),
                format!("OPTIONS {path} HTTP/1.1\r\nhost: h\r\n\r\n"),
                format!("GET {path} HTTP/1.0\r\n\r\n"),
                format!("GET {path} HTTP/9.9\r\n\r\n"),
                format!("GET {path}\r\n\r\n"),
                format!("GET {path} HTTP/1.1\r\nhost: h\r\nx-huge: {huge}\r\n\r\n"),
                format!("GET {path}?{huge} HTTP/1.1\r\nhost: h\r\n\r\n"),
                format!("GET {path} HTTP/1.1\r\nhost: h\r\n{}\r\n", "x: y\r\n".repeat(1_000)),
                format!(
                    "GET {path} HTTP/1.1\r\nhost: h\r\nx-request-id: a\r\nx-request-id: b\r\n\r\n"
                ),
                format!("GET {path} HTTP/1.1\r\nhost: h\r\nx-forwarded-for: ,,\"[::\r\n\r\n"),
                format!("POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nshort"),
                format!("POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n"),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999999999999999\r\n\r\n"
                ),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"
                ),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
                ),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: \
                     chunked\r\n\r\n0\r\n\r\n"
                ),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
                     content-length: 20\r\n\r\n{{\"item\":"
                ),
                format!(
                    "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc\r\n\
                     content-length: 5\r\n\r\n\0\0\0\0\0"
                ),
            ];
            for head in heads {
                // Past the door, where the handlers are.
                let key = format!("\r\nx-api-key: {}\r\n", server.api_key);
                let head = head.replacen("\r\n", &key, 1);
                let answer = raw(server.address, head.as_bytes());
                let head = &head[..head.len().min(120)];
                assert!(!blames_itself(path, &answer), "{host}: {head}: {answer:?}");
            }
            lives(server.address, path).await;
        }
        server.stop();
    }
}

#[tokio::test]
async fn frames_that_are_none_end_a_web_socket() {
    let server = Server::start("axum", &[]);
    for frames in [
        &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        // Not masked, a text that is not UTF-8, a continuation of nothing, and the longest of all.
        b"\x81\x02hi",
        b"\x81\x82\0\0\0\0\xff\xfe",
        b"\x80\x80\0\0\0\0",
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\x88\x81\0\0\0\0\x00",
        b"\x81",
        b"",
    ] {
        let mut bytes =
            b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                .to_vec();
        bytes.extend_from_slice(frames);
        let answer = raw(server.address, &bytes);
        assert!(!blames_itself("/ws", &answer), "{frames:?}: {answer:?}");
        lives(server.address, "frames").await;
    }
    server.stop();
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        for bytes in [
            &b"GET /\xff\xfe HTTP/1.1\r\nhost: h\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nhost: \x00\r\n\r\n",
            b"GET / HTTP/1.1\r\nx-request-id: \xff\xfe\r\n\r\n",
            b"\x00\x01\x02\x03",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\r\n\r\n\r\n",
            b"",
        ] {
            let answer = raw(server.address, bytes);
            assert!(!blames_itself("", &answer), "{host}: {bytes:?}: {answer:?}");
        }
        let head = format!(
            "POST /orders HTTP/1.1\r\nhost: h\r\nx-api-key: {}\r\ncontent-type: \
             application/json\r\nconnection: close\r\n",
            server.api_key
        );
        let json = [head.as_bytes(), b"content-length: 13\r\n\r\n{\"item\":\"\xff\xfe\"}"].concat();
        let answer = raw_whole(server.address, &json);
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{host}: {answer:?}");
        // As deep as a parser that calls itself would fall.
        let deep = "[".repeat(100_000);
        let deep = format!("{head}content-length: 100000\r\n\r\n{deep}");
        let answer = raw_whole(server.address, deep.as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{host}: {answer:?}");
        lives(server.address, "all of it").await;
        server.stop();
    }
}
