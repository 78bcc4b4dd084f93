//! Who calls, and what they may.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get as on_get};
use http::Method;
use tonic::{Code, transport::Channel};
use tower_ready_examples::proto::{GetRequest, orders_client::OrdersClient};

use crate::{
    client::{call, get, order_7, within},
    server::{HTTP_HOSTS, Server, command, mint},
};

/// A file of this test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tower-ready-{}-{name}", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn key(name: &str, pair: tower_ready_testing::keys::KeyPair) -> Scratch {
    Scratch::new(name, pair.private_pem)
}

#[tokio::test]
async fn what_is_printed_at_the_start_is_good() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        get(server.address, "/orders/7").await.assert_problem(401);
        let answer = order_7(server.address, &server.token).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["by"]), (200, &"dev".into()), "{host}");
        for policy in ["\"address\";q=200;w=1", "\"principal\";q=100;w=1"] {
            let mut lists = answer.headers.get_all("ratelimit-policy").iter();
            assert!(lists.any(|list| list.to_str().unwrap().contains(policy)), "{host}");
        }
        order_7(server.address, &server.bare_token).await.assert_problem(403);
        let by_key = call(server.address, Method::GET, "/orders/7");
        assert_eq!(by_key.header("x-api-key", &server.api_key).send().await.status, 200);
        server.stop();
    }
}

#[tokio::test]
async fn a_route_asks_for_its_scope_or_its_role() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        let writer = mint(&["--sub", "alice", "--scope", "orders:write", "--role", "clerk admin"]);
        let refused = order_7(server.address, &writer).await;
        refused.assert_problem(403);
        assert!(refused.header("www-authenticate").contains("scope=\"orders:read\""), "{host}");
        let report = |token: &str| call(server.address, Method::GET, "/admin/report").by(token);
        assert_eq!(report(&writer).send().await.status, 200, "{host}");
        report(&server.token).send().await.assert_problem(403);
        get(server.address, "/admin/report").await.assert_problem(401);
        server.stop();
    }
}

#[tokio::test]
async fn a_token_is_for_us_and_in_time_or_it_is_refused() {
    let other = key("other.pem", tower_ready_testing::keys::P256);
    for host in HTTP_HOSTS {
        let server = Server::start(host, &[]);
        for flags in [
            &["--ttl", "-60"][..],
            &["--iss", "https://other.example"],
            &["--aud", "payments"],
            &["--sub", ""],
            &["--key", other.path()],
            &["--kid", "another"],
        ] {
            let token = mint(&[&["--scope", "orders:read"], flags].concat());
            let refused = order_7(server.address, &token).await;
            assert_eq!(refused.assert_problem(401)["code"], "INVALID_CREDENTIALS", "{flags:?}");
        }
        let long = "x".repeat(9_000);
        order_7(server.address, &long).await.assert_problem(401);
        let both = call(server.address, Method::GET, "/orders/7").by(&server.token);
        both.header("x-api-key", &server.api_key).send().await.assert_problem(400);
        let lines = server.stop().join("\n");
        assert!(lines.contains("authn_login_fail") && !lines.contains("eyJ"), "{host}");
    }
}

#[tokio::test]
async fn keys_rotate_and_credentials_are_revoked_without_a_restart() {
    use tower_ready_testing::keys::{P256, P256_NEXT, RSA, jwks};

    let (old, next) = (key("old.pem", P256), key("next.pem", P256_NEXT));
    let rsa = key("rsa.pem", RSA);
    let sign = |key: &Scratch, pair: tower_ready_testing::keys::KeyPair, jti: &str| {
        let key = ["--key", key.path(), "--kid", pair.kid, "--jti", jti, "--sub", "alice"];
        mint(&[&key[..], &["--scope", "orders:read"]].concat())
    };
    let set = Scratch::new("set.json", &jwks(&[P256, RSA]));
    let made = mint(&["--api-key", "--owner", "bob", "--scope", "orders:read", "--plan", "free"]);
    let (api_key, record) = made.split_once('\n').unwrap();
    let records = Scratch::new("records.json", &format!("[{record}]"));
    let revoked = Scratch::new("revoked.txt", "# nothing yet\n");
    let files = ["--jwks", set.path(), "--api-keys", records.path(), "--revocations"];
    // We ask until it is so, and are not taken for one who guesses.
    let patient = ["--auth-failures", "1000000/1s"];
    let server = Server::start("axum", &[&files[..], &[revoked.path()], &patient].concat());
    assert_eq!((&*server.token, &*server.api_key), ("", ""));

    let status = async |token: &str| order_7(server.address, token).await.status.as_u16();
    let by_key = async || {
        let call = call(server.address, Method::GET, "/orders/7");
        call.header("x-api-key", api_key).send().await.status.as_u16()
    };
    let becomes = async |token: &str, expected: u16| {
        while status(token).await != expected {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (first, second) = (sign(&old, P256, "1"), sign(&old, P256, "2"));
    let rotated = sign(&next, P256_NEXT, "3");
    let third = sign(&rsa, RSA, "4");
    let before = [status(&first).await, status(&second).await, status(&third).await];
    assert_eq!((before, status(&rotated).await, by_key().await), ([200; 3], 401, 200));

    // One token by its jti, and an API key by its id; then a key of the set goes, and one comes.
    let id = serde_json::from_str::<serde_json::Value>(record).unwrap()["id"].clone();
    fs::write(&revoked.0, format!("1\n{}\n", id.as_str().unwrap())).unwrap();
    within(becomes(&first, 401)).await;
    assert_eq!((status(&second).await, by_key().await), (200, 401));
    fs::write(&set.0, jwks(&[P256_NEXT, RSA])).unwrap();
    within(becomes(&rotated, 200)).await;
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
    // What is broken changes nothing.
    fs::write(&set.0, "{").unwrap();
    fs::write(&revoked.0, "alice\n").unwrap();
    within(becomes(&third, 401)).await;
    fs::write(&revoked.0, "").unwrap();
    within(becomes(&third, 200)).await;
    server.stop();
}

#[tokio::test]
async fn keys_behind_a_url_rotate_without_a_restart() {
    use tower_ready_testing::keys::{KeyPair, P256, P256_NEXT, jwks};

    let set = Arc::new(Mutex::new(jwks(&[P256])));
    let issuer = set.clone();
    let router = Router::new().route("/keys", on_get(async move || issuer.lock().unwrap().clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let (old, next) = (key("old-url.pem", P256), key("next-url.pem", P256_NEXT));
    let sign = |key: &Scratch, pair: KeyPair| {
        mint(&["--key", key.path(), "--kid", pair.kid, "--scope", "orders:read"])
    };
    for host in HTTP_HOSTS {
        set.lock().unwrap().clone_from(&jwks(&[P256]));
        let flags = ["--jwks", &url, "--auth-failures", "1000000/1s"];
        let server = Server::start(host, &flags);
        let becomes = async |token: &str, expected: u16| {
            while order_7(server.address, token).await.status != expected {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        within(becomes(&sign(&old, P256), 200)).await;
        // A token by a key that nobody knows is a reason to ask again.
        set.lock().unwrap().clone_from(&jwks(&[P256_NEXT]));
        within(becomes(&sign(&next, P256_NEXT), 200)).await;
        within(becomes(&sign(&old, P256), 401)).await;
        server.stop();
    }
}

#[tokio::test]
async fn whoever_guesses_has_to_wait_and_nobody_else_does() {
    let flags = ["--auth-failures", "3/1h", "--trust-proxy", "127.0.0.0/8"];
    for host in HTTP_HOSTS {
        let server = Server::start(host, &flags);
        let guess = |from: &str, token: &str| {
            let call = call(server.address, Method::GET, "/orders/7").by(token);
            call.header("x-forwarded-for", from).send()
        };
        for _ in 0..3 {
            guess("203.0.113.1", "a guess").await.assert_problem(401);
        }
        let refused = guess("203.0.113.1", "another guess").await;
        refused.assert_problem(429);
        assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{host}");
        // Neither those elsewhere nor those who share the address.
        for from in ["203.0.113.1", "203.0.113.2"] {
            assert_eq!(guess(from, &server.token).await.status, 200, "{host}");
        }
        server.stop();
    }
}

#[tokio::test]
async fn a_principal_has_one_quota_from_all_addresses() {
    for host in HTTP_HOSTS {
        let server = Server::start(host, &["--quota", "2/1h", "--trust-proxy", "127.0.0.0/8"]);
        let alice = mint(&["--sub", "alice", "--scope", "orders:read"]);
        let again = mint(&["--sub", "alice", "--scope", "orders:read"]);
        let ask = |from: &str, token: &str| {
            let call = call(server.address, Method::GET, "/orders/7").by(token);
            call.header("x-forwarded-for", from).send()
        };
        for (from, token) in [("203.0.113.1", &alice), ("203.0.113.2", &again)] {
            assert_eq!(ask(from, token).await.status, 200, "{host}");
        }
        let refused = ask("203.0.113.3", &alice).await;
        let problem = refused.assert_problem(429);
        assert_eq!(problem["violated-policies"][0], "principal", "{host}");
        assert!((1..=1800).contains(&refused.header("retry-after").parse().unwrap()), "{host}");
        assert_eq!(ask("203.0.113.1", &server.token).await.status, 200, "{host}");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_grpc_the_same_holds_in_its_own_words() {
    let server = Server::start("tonic", &[]);
    let endpoint = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let mut orders = OrdersClient::new(within(endpoint.connect()).await.unwrap());
    let mut get = async |name: &'static str, value: &str| {
        let mut request = tonic::Request::new(GetRequest { id: 7 });
        request.metadata_mut().insert(name, value.parse().unwrap());
        within(orders.get(request)).await.map(|order| order.into_inner().by)
    };
    assert_eq!(get("x-api-key", &server.api_key).await.unwrap(), "dev");
    assert_eq!(get("authorization", &format!("Bearer {}", server.token)).await.unwrap(), "dev");
    for (value, code) in [
        ("Bearer nonsense", Code::Unauthenticated),
        (&*format!("Bearer {}", server.bare_token), Code::PermissionDenied),
    ] {
        assert_eq!(get("authorization", value).await.unwrap_err().code(), code);
    }
    assert_eq!(get("x-other", "").await.unwrap_err().code(), Code::Unauthenticated);
    server.stop();
}

#[test]
fn what_cannot_be_minted_is_refused() {
    for flags in [
        &["--ttl", "soon"][..],
        &["--key", "/no/such/key.pem"],
        &["--key", "/dev/null"],
        &["--jwks=1"],
        &["--owner", "", "--api-key"],
        &["--nonsense"],
    ] {
        let output = command("token").args(flags).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
    }
    let set: serde_json::Value = serde_json::from_str(&mint(&["--jwks"])).unwrap();
    assert!(set["keys"][0]["d"].is_null() && set["keys"][0]["kid"].is_string());
}
