use super::{http::Call, show::Show, stage::Stage};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// What is to be seen of all that from outside.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Traces and metrics: from a graph to a request",
        "What was counted shows a trace as its example, the trace finds the lines of the log, and \
         the answer that a caller complains about has both ids.",
    );

    show.step("A trace of the caller's, in an error", "obs", async {
        let call = Call::get("/fail?status=502");
        let answer =
            on.send(call.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))).await?;
        let line = on.log.line(&["tower_ready_obs::access", TRACE, "status=502"]);
        let is_in_body = answer.at("/trace_id") == TRACE;
        let seen = answer.seen_problem(502);
        Ok(seen
            .check("in the body", is_in_body)
            .check("in the log", line.is_some())
            .and(format!("log: {}", line.unwrap_or_default())))
    })
    .await;

    show.step("Metrics", "obs", async {
        let answer = on.send(Call::get("/metrics").header("accept", OPEN_METRICS)).await?;
        let text = answer.text();
        let line = |words: &[&str]| {
            let mut lines = text.lines();
            lines.find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        let requests =
            ["http_server_request_duration_seconds_count", "\"/orders/{id}\"", "\"200\""];
        let shown = [
            line(&requests),
            line(&["tower_ready_rejections_total", "ratelimit"]),
            line(&["http_server_request_duration_seconds_bucket", TRACE]),
        ];
        let is_counted = shown[0].is_some();
        let is_told = shown[1].is_some();
        let is_example = shown[2].is_some();
        let seen = shown.into_iter().flatten().fold(answer.seen(), |seen, line| seen.and(line));
        Ok(seen
            .check("requests by route and status", is_counted)
            .check("who was turned away", is_told)
            .check("the trace from above as an example", is_example))
    })
    .await;
}
