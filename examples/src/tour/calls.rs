use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{http::Call, seen::Seen, show::Show, stage::Stage};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A service that can be broken, which the orders call.
#[derive(Clone, Debug, Default)]
pub(super) struct FlakyUpstream(Arc<Flaky>);

#[derive(Debug, Default)]
struct Flaky {
    is_broken: AtomicBool,
    calls: AtomicUsize,
}

impl FlakyUpstream {
    pub(super) fn router(&self) -> Router {
        Router::new().route("/hello", get(hello)).with_state(self.clone())
    }

    fn set_broken(&self, broken: bool) {
        self.0.is_broken.store(broken, Ordering::SeqCst);
    }

    fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }
}

/// Says what it was told, unless it is broken.
async fn hello(State(upstream): State<FlakyUpstream>, headers: HeaderMap) -> impl IntoResponse {
    upstream.0.calls.fetch_add(1, Ordering::SeqCst);
    if upstream.0.is_broken.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Json(json!({
        "x-request-id": told("x-request-id"),
        "traceparent": told("traceparent"),
        "x-request-timeout-ms": told("x-request-timeout-ms"),
    }))
    .into_response()
}

/// What the service calls itself.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Calls: another service, and what becomes of them when it is down",
        "The client side has layers as well: what remains of the deadline, two retries within a \
         budget, a circuit for each authority, a timeout for each attempt.",
    );

    show.step("A call to another service", "obs, deadline", async {
        let call = Call::get("/upstream/hello").header("x-request-id", "tour-0004");
        let call = call.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
        let answer = on.send(call).await?;
        let told = |name: &str| answer.at(name).as_str().unwrap_or_default().to_owned();
        let left: u64 = told("/x-request-timeout-ms").parse().unwrap_or_default();
        let same_trace = told("/traceparent").contains(TRACE);
        Ok(answer
            .seen()
            .check("the same request id", told("/x-request-id") == "tour-0004")
            .check(
                "the same trace, another span",
                same_trace && !told("/traceparent").contains("b7ad6b7169203331"),
            )
            .check("what remains of the second", (1..1_000).contains(&left)))
    })
    .await;

    show.step("It fails, again and again", "breaker", async {
        on.upstream.set_broken(true);
        let before = on.upstream.calls();
        let mut asked = 0;
        let answer = loop {
            asked += 1;
            let answer = on.send(Call::get("/upstream/hello")).await?;
            if answer.at("/code") == "CIRCUIT_OPEN" || asked == 9 {
                break answer;
            }
        };
        let calls = on.upstream.calls() - before;
        let wait = answer.header("retry-after").parse::<u64>().is_ok();
        let seen = answer.seen_problem(503);
        Ok(seen
            .sent(format!("GET /upstream/hello, {asked} times"))
            .check("open after five failures, retries included", calls == 5)
            .check("Retry-After", wait))
    })
    .await;

    show.step("While the circuit is open", "breaker", async {
        let before = on.upstream.calls();
        let answer = on.send(Call::get("/upstream/hello")).await?;
        let seen = answer.seen_problem(503);
        Ok(seen.check("nobody was called", on.upstream.calls() == before))
    })
    .await;

    show.step("It is well again", "breaker", async {
        on.upstream.set_broken(false);
        let mut asked = 0;
        let closed = loop {
            asked += 1;
            on.send(Call::get("/upstream/hello")).await?;
            match on.log.line(&["circuit changed", "change=\"closed\""]) {
                Some(line) => break line,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let answer = on.send(Call::get("/upstream/hello")).await?;
        let seen = Seen { gist: "closed again".to_owned(), ..answer.seen() };
        Ok(seen
            .sent(format!("GET /upstream/hello, {asked} times, 50 ms apart"))
            .check("200", answer.status == 200)
            .and(format!("log: {closed}")))
    })
    .await;
}
