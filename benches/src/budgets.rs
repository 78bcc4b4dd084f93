//! What a crate must not cost, and whether it does.

use crate::report::{Measured, number};

/// A path through a crate: the case that measures it, and what it may cost at most.
struct Budget {
    what: &'static str,
    case: &'static str,
    nanos: f64,
    allocations: Option<f64>,
}

const fn budget(
    what: &'static str,
    case: &'static str,
    nanos: f64,
    allocations: Option<f64>,
) -> Budget {
    Budget { what, case, nanos, allocations }
}

const BUDGETS: &[Budget] = &[
    budget("core: an answer passes", "core/pass-through/AnswerBody", 20.0, Some(0.0)),
    budget("core: protocol, GET", "core/protocol/GET", 12.0, Some(0.0)),
    budget("core: protocol, POST", "core/protocol/POST of JSON", 12.0, Some(0.0)),
    budget("core: protocol, gRPC", "core/protocol/gRPC", 12.0, Some(0.0)),
    budget("problem: a good answer", "problem/success/ProblemLayer", 110.0, Some(0.0)),
    budget("problem: with ids", "problem/success, with ids/ProblemLayer", 110.0, Some(0.0)),
    budget("problem: gRPC", "problem/success, gRPC/ProblemLayer", 110.0, Some(0.0)),
    budget("problem: JSON built", "problem/JSON/Problem, built and written", 180.0, Some(2.0)),
    budget("problem: a rejection", "problem/rejection/HTTP", 450.0, Some(10.0)),
    budget("auth: RS256", "auth/RS256/AuthLayer, a new token", 18_000.0, None),
    budget("auth: ES256", "auth/ES256/AuthLayer, a new token", 52_000.0, None),
    budget("auth: HS256", "auth/HS256/AuthLayer, a new token", 2_000.0, None),
    budget("auth: a token seen before", "auth/RS256/AuthLayer, a token seen before", 900.0, None),
    budget("auth: an API key", "auth/API key/AuthLayer", 1_000.0, None),
    budget(
        "auth: a malformed token",
        "auth/rejection/a malformed token, the whole answer",
        500.0,
        None,
    ),
    budget("breaker: closed", "breaker/closed/failure rate", 45.0, Some(0.0)),
    budget("breaker: slow calls", "breaker/closed/and slow calls", 70.0, Some(0.0)),
    budget("breaker: open", "breaker/open, before the answer/open", 40.0, Some(0.0)),
    budget("obs: metrics", "metrics/count a request/own, no route", 150.0, Some(0.0)),
    budget(
        "obs: metrics, a route",
        "metrics/count a request/own, route from a table",
        150.0,
        Some(0.0),
    ),
    budget("obs: prometheus", "metrics/count a request/own and prometheus", 190.0, Some(0.0)),
    budget("obs: OpenTelemetry", "metrics/count a request/own and OpenTelemetry", 250.0, Some(0.0)),
    budget("obs: a scrape", "metrics/scrape 10,000 lines/text", 1_500_000.0, None),
    budget("obs: a request id", "trace/nobody listens/a request id", 200.0, Some(3.0)),
    budget("obs: a trace, nobody listens", "trace/nobody listens/a trace", 60.0, None),
    budget("obs: not sampled", "trace/plain text to a sink/not sampled, no span", 300.0, None),
    budget("shed: fixed", "shed/admitted/a limit", 25.0, Some(0.0)),
    budget("shed: adaptive", "shed/admitted/an adaptive limit", 60.0, Some(0.0)),
    budget("deadline: at once", "deadline/answer at once/a timeout", 30.0, Some(0.0)),
    budget("deadline: after a wait", "deadline/answer after a wait/a timeout", 460.0, Some(0.0)),
    budget("shutdown: ready", "shutdown/in flight/ready", 60.0, Some(0.0)),
    budget("ratelimit: accept", "ratelimit/accept/header", 40.0, Some(0.0)),
    budget(
        "ratelimit: with fields",
        "ratelimit/accept, with fields/RateLimit (draft 11)",
        120.0,
        Some(3.0),
    ),
    budget("ratelimit: refuse", "ratelimit/refuse/header, with an id", 250.0, Some(8.0)),
    budget(
        "ratelimit: a million keys",
        "ratelimit/store, 1,000,000 keys/MemoryStore",
        150.0,
        Some(0.0),
    ),
    budget("the stack: HS256", "stack/HS256/ours, without fields", 2_700.0, Some(29.0)),
];

/// A table of the budgets whose cases were measured.
pub(crate) fn table(measured: &[Measured]) -> String {
    let head =
        "| path | must | measured | allocs: must | measured | |\n|---|---:|---:|---:|---:|---|\n";
    BUDGETS.iter().filter_map(|budget| row(budget, measured)).fold(head.to_owned(), |a, b| a + &b)
}

fn row(budget: &Budget, measured: &[Measured]) -> Option<String> {
    let is_it =
        |line: &&Measured| format!("{}/{}/{}", line.concern, line.group, line.name) == budget.case;
    let line = measured.iter().find(is_it)?;
    let nanos = line.time?.median;
    let allocations = line.allocations.count;
    let is_met = nanos <= budget.nanos && budget.allocations.is_none_or(|max| allocations <= max);
    Some(format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        budget.what,
        number(budget.nanos),
        number(nanos),
        budget.allocations.map_or_else(|| "–".to_owned(), number),
        number(allocations),
        if is_met { "met" } else { "**missed**" },
    ))
}
