//! What stands around a service: browsers, operators, load, containers.

use std::{fs, path::Path, process::Command};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    routing::get as on_get,
};
use http::{HeaderValue, Method};
use tower_http::limit::RequestBodyLimitLayer;
use tower_ready_problem::ProblemLayer;

use crate::{
    client::{call, get},
    finding::{Audited, finding, holds},
    server::{Server, command, mint},
    service::{handlers, serve},
};

#[tokio::test]
async fn no_body_limit() {
    const LIMIT: usize = 64 * 1024;
    let limited = handlers().layer((ProblemLayer::default(), RequestBodyLimitLayer::new(LIMIT)));
    finding(serve(handlers()).await, serve(limited).await, async |server| {
        let echo = |length| call(server, Method::POST, "/echo").body(vec![b'x'; length]);
        assert_eq!(echo(LIMIT).send().await.status, 200);
        let status = echo(LIMIT + 1).send().await.status;
        holds(status == 413, format!("whatever is sent is kept in memory: {status}"))
    })
    .await;
}

#[tokio::test]
async fn no_security_headers() {
    let server = Server::start("axum", &[]);
    finding(serve(handlers()).await, server.address, async |server| {
        for path in ["/", "/nothing", "/livez", "/metrics"] {
            let answer = get(server, path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "frame-ancestors 'none'"),
                ("referrer-policy", "no-referrer"),
            ] {
                holds(answer.header(name).contains(value), format!("{path} has no {name}"))?;
            }
        }
        Ok(())
    })
    .await;
    server.stop();
}

/// What is copied from the first answer that a search finds: whoever asks is let in, with cookies.
fn for_all(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        let origin = request.headers().get("origin").cloned();
        let mut answer = next.run(request).await;
        if let Some(origin) = origin {
            answer.headers_mut().insert("access-control-allow-origin", origin);
            let yes = HeaderValue::from_static("true");
            answer.headers_mut().insert("access-control-allow-credentials", yes);
        }
        answer
    }))
}

#[tokio::test]
async fn cors_for_all() {
    let flags = ["--cors-origins", "https://shop.example", "--cors-credentials", "yes"];
    let server = Server::start("axum", &flags);
    finding(serve(for_all(handlers())).await, server.address, async |server| {
        // Errors too: a page wants to know why it was refused.
        for path in ["/", "/orders/x"] {
            let from = |origin| call(server, Method::GET, path).header("origin", origin).send();
            let ours = from("https://shop.example").await;
            assert_eq!(ours.header("access-control-allow-origin"), "https://shop.example");
            let theirs = from("https://evil.example").await;
            let allowed = theirs.header("access-control-allow-origin");
            holds(allowed.is_empty(), format!("a page of {allowed} acts for whoever opens it"))?;
        }
        let preflight = call(server, Method::OPTIONS, "/orders");
        let preflight = preflight.header("origin", "https://shop.example");
        let preflight = preflight.header("access-control-request-method", "POST").send().await;
        holds(preflight.status == 200, "no answer to a preflight")
    })
    .await;
    server.stop();
}

#[tokio::test]
async fn cors_for_all_with_credentials() {
    let flags = ["--listen", "127.0.0.1:0", "--cors-origins", "*", "--cors-credentials", "yes"];
    let refused = command("axum").args(flags).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let refused = Err(String::from_utf8(refused.stderr).unwrap());
    finding(Ok(serve(for_all(handlers())).await), refused, async |started| match started {
        Err(line) => {
            holds(line.starts_with("--cors-origins: ") && line.contains("name the origins"), line)
        }
        Ok(server) => {
            let evil = call(server, Method::GET, "/").header("origin", "https://evil.example");
            let allowed = evil.send().await.header("access-control-allow-credentials") == "true";
            holds(!allowed, "any page comes with the cookies of whoever opens it")
        }
    })
    .await;
}

#[tokio::test]
async fn profiling_for_everybody() {
    let open = handlers().route("/debug/profile", on_get(async || "where the time goes"));
    let server = Server::start("axum", &["--admin", "127.0.0.1:0"]);
    let admin = server.admin.unwrap();
    finding(serve(open).await, admin, async |server| {
        let status = get(server, "/debug/profile").await.status;
        holds(status == 401, format!("a stranger profiles us: {status}"))
    })
    .await;
    let profile =
        |token: &str| call(admin, Method::GET, "/debug/profile?seconds=1").by(token).send();
    profile(&server.token).await.assert_problem(403);
    let answer = profile(&mint(&["--sub", "operator", "--role", "admin"])).await;
    assert_eq!(answer.status, 200);
    assert!(answer.json()["workers"].as_u64() > Some(0), "{:?}", answer.body);
    get(server.address, "/debug/profile").await.assert_problem(404);
    server.stop();
}

/// Runs a driver of the examples for as short as it goes: what it judges does not depend on how fast
/// this machine is.
fn drive(binary: &str) {
    let output = Command::new(binary).args(["--seconds", "1"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{errors}");
}

#[test]
fn never_loaded_beyond_what_comes() {
    drive(env!("CARGO_BIN_EXE_load"));
}

#[test]
fn never_tested_with_something_broken() {
    drive(env!("CARGO_BIN_EXE_chaos"));
}

/// An image and a manifest as a search finds them first.
const NAIVE: [&str; 2] = [
    "FROM rust\nCOPY . .\nRUN cargo build --release\nCMD target/release/orders\n",
    "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - image: orders\n",
];

#[tokio::test]
async fn containers_that_run_as_root_without_probes_and_limits() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let ours = ["Dockerfile", "k8s/deployment.yaml"];
    let ours = ours.map(|name| fs::read_to_string(deploy.join(name)).unwrap());
    finding(NAIVE.map(str::to_owned), ours, async |[image, manifest]| -> Audited {
        let user = image.lines().rev().find_map(|line| line.strip_prefix("USER "));
        holds(user.is_some_and(|user| !user.starts_with(['0', 'r'])), "the image runs as root")?;
        for needed in [
            "runAsNonRoot: true",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
            "drop: [ALL]",
            "startupProbe:",
            "readinessProbe:",
            "livenessProbe:",
            "requests: {",
            "limits: {",
        ] {
            holds(manifest.contains(needed), format!("the manifest has no {needed}"))?;
        }
        Ok(())
    })
    .await;
}
