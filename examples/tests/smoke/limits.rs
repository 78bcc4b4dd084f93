//! How much a client may ask.

use http::Method;

use crate::{
    client::{Answer, call, get, order_7},
    server::{HTTP_HOSTS, Server},
};

#[tokio::test]
async fn a_client_has_one_limit_on_all_of_its_connections() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--ip-quota", "3/1h"]);
        for left in ["r=2", "r=1", "r=0"] {
            let answer = get(server.address, "/").await;
            assert_eq!(answer.status, 200, "{host}");
            assert!(answer.header("ratelimit").contains(left), "{host}");
        }
        // Before anybody looks at a token.
        let refused = order_7(server.address, "no token").await;
        let problem = refused.assert_problem(429);
        assert_eq!(problem["violated-policies"][0], "address");
        assert!((1..=1200).contains(&refused.header("retry-after").parse().unwrap()), "{host}");
        assert!(refused.header("ratelimit-policy").contains("\"address\";q=3;w=3600"));
        assert!(refused.header("ratelimit").contains("r=0"));
        server.stop();
    }
}

#[tokio::test]
async fn a_burst_may_be_smaller_than_its_rate() {
    let server = Server::start("axum", &["--ip-quota", "10/1h;burst=1"]);
    assert_eq!(get(server.address, "/").await.status, 200);
    get(server.address, "/").await.assert_problem(429);
    server.stop();
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_and_from_the_right() {
    async fn ask(server: &Server, name: &str, value: &str) -> Answer {
        let call = call(server.address, Method::GET, "/");
        call.header(name, value).send().await
    }
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--ip-quota", "1/1h"]);
        assert_eq!(ask(&server, "x-forwarded-for", "203.0.113.1").await.status, 200);
        ask(&server, "x-forwarded-for", "203.0.113.2").await.assert_problem(429);
        server.stop();

        let trusting = ["--ip-quota", "1/1h", "--trust-proxy", "10.0.0.0/8,127.0.0.0/8"];
        let server = Server::start(host, &trusting);
        for (client, status) in [
            ("203.0.113.1", 200),
            ("203.0.113.1", 429),
            ("198.51.100.9, 203.0.113.1, 10.1.2.3", 429),
            ("::ffff:203.0.113.1", 429),
            ("203.0.113.2", 200),
            ("2001:db8::1", 200),
            ("2001:db8::2", 429),
            ("2001:db8:0:1::1", 200),
        ] {
            let answer = ask(&server, "x-forwarded-for", client).await;
            assert_eq!(answer.status, status, "{host}: {client}");
        }
        server.stop();

        let forwarded = [&trusting[..], &["--trust-header", "forwarded"]].concat();
        let server = Server::start(host, &forwarded);
        for (name, client, status) in [
            ("forwarded", "for=203.0.113.1", 200),
            ("forwarded", "for=203.0.113.2", 200),
            ("forwarded", "for=\"[2001:db8::1]:4711\"", 200),
            ("forwarded", "for=203.0.113.1;proto=https", 429),
            // The other header is not read, so this is the proxy itself.
            ("x-forwarded-for", "203.0.113.3", 200),
            ("x-forwarded-for", "203.0.113.4", 429),
        ] {
            let answer = ask(&server, name, client).await;
            assert_eq!(answer.status, status, "{host}: {name}: {client}");
        }
        server.stop();
    }
}
