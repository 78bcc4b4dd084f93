//! What callers see when something is wrong.

use http::Method;
use tower_ready_problem::ProblemLayer;
use tower_ready_testing::logs;

use crate::{
    client::{call, get},
    finding::{finding, finding_in_time, holds},
    service::{handlers, serve},
};

async fn both() -> (std::net::SocketAddr, std::net::SocketAddr) {
    (serve(handlers()).await, serve(handlers().layer(ProblemLayer::default())).await)
}

#[tokio::test]
async fn errors_in_five_shapes() {
    let (unprotected, protected) = both().await;
    finding(unprotected, protected, async |server| {
        let order = |media_type: &str, body: &'static str| {
            call(server, Method::POST, "/orders").header("content-type", media_type).body(body)
        };
        for (call, status) in [
            (call(server, Method::GET, "/nothing"), 404),
            (call(server, Method::DELETE, "/orders/7"), 405),
            (call(server, Method::GET, "/orders/x"), 400),
            (order("text/plain", "{}"), 415),
            (order("application/json", "{"), 400),
            (order("application/json", "{}"), 422),
            (call(server, Method::GET, "/broken"), 500),
        ] {
            let answer = call.send().await;
            assert_eq!(answer.status, status);
            let shape = answer.header("content-type").to_owned();
            holds(shape == "application/problem+json", format!("{status} comes as {shape:?}"))?;
            let problem = answer.json();
            holds(problem["code"].is_string(), "no code for a program")?;
            holds(problem["request_id"].is_string(), "no id to ask about")?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn internals_in_answers() {
    let (unprotected, protected) = both().await;
    finding(unprotected, protected, async |server| {
        let answer = get(server, "/broken").await;
        assert_eq!(answer.status, 500);
        let told = String::from_utf8_lossy(&answer.body);
        holds(
            !told.contains("secret-4711") && !told.contains("db.internal"),
            format!("it says {told}"),
        )
    })
    .await;
}

#[tokio::test]
async fn a_panic_takes_the_connection_along() {
    let (unprotected, protected) = both().await;
    finding_in_time(unprotected, protected, async |server, patience| {
        let logs = logs::capture();
        let answer = call(server, Method::GET, "/panic").attempt(patience).await;
        let Some(answer) = answer else { return holds(false, "no answer: the connection breaks") };
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret-4711"));
        holds(answer.status == 500, format!("a panic is {}", answer.status))?;
        let error_id = answer.json()["error_id"].as_str().unwrap().to_owned();
        let reported = |line: &str| line.contains(&error_id) && line.contains("secret-4711");
        holds(logs.text().lines().any(reported), "nobody hears of the panic")
    })
    .await;
}
