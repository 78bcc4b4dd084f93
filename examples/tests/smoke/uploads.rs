//! Bodies of requests.

use bytes::Bytes;
use http::Method;

use crate::{
    client::{call, raw_whole},
    server::{HTTP_HOSTS, Server},
};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn an_echo_is_what_was_sent_up_to_a_mebibyte() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        for length in [0, 1, 65_537, MIB] {
            let body = Bytes::from(vec![b'x'; length]);
            let answer =
                call(server.address, Method::POST, "/echo").body(body.clone()).send().await;
            assert!(answer.status == 200 && answer.body == body, "{host}: {length}");
        }
        // A client that sends all before it reads gets its answer, if there is an end in reach.
        for length in [MIB + 1, 8 * MIB] {
            let body = Bytes::from(vec![b'x'; length]);
            let refused = call(server.address, Method::POST, "/echo").body(body).send().await;
            refused.assert_problem(413);
        }
        server.stop();
    }
}

#[test]
fn an_upload_of_unknown_length_is_bounded_too() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let mut request = b"POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\
            connection: close\r\n\r\n"
            .to_vec();
        for _ in 0..MIB / 1024 + 1 {
            request.extend_from_slice(b"400\r\n");
            request.extend_from_slice(&[b'x'; 1024]);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        let answer = raw_whole(server.address, &request);
        assert!(answer.starts_with(b"HTTP/1.1 413"), "{host}");
        server.stop();
    }
}
