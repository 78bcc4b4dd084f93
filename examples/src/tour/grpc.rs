use std::fmt::Debug;

use tonic::{Code, Response, Status};
use tonic_types::StatusExt;
use tower_ready_problem::grpc;

use super::{seen::Seen, show::Show, stage::Stage};
use crate::proto::{CreateRequest, FailRequest, GetRequest, PanicRequest};

const GREEDY: &str = "203.0.113.99";

/// The same layers, in the words of gRPC.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "gRPC: the same layers, the right words",
        "A tonic client calls a tonic server behind the same stack. It gets codes and details that \
         it understands, never a bare HTTP status.",
    );

    show.step("A call", "-", async {
        let answer = on.orders().await?.get(on.request(GetRequest { id: 7 }, None)?).await;
        let is_it = answer.as_ref().is_ok_and(|order| order.get_ref().id == 7);
        Ok(seen("Get { id: 7 }", &answer).check("the order", is_it))
    })
    .await;

    show.step("An order with two faults", "problem", async {
        let order = CreateRequest { item: String::new(), quantity: 0 };
        let answer = on.orders().await?.create(on.request(order, None)?).await;
        let fields = answer.as_ref().err().and_then(StatusExt::get_details_bad_request);
        let fields = fields.map_or(0, |faults| faults.field_violations.len());
        let seen = seen("Create { item: \"\", quantity: 0 }", &answer);
        Ok(seen
            .check("INVALID_ARGUMENT", code(&answer) == Code::InvalidArgument)
            .check("a BadRequest with both fields", fields == 2))
    })
    .await;

    show.step("A method that panics", "problem", async {
        let answer = on.orders().await?.panic(on.request(PanicRequest {}, None)?).await;
        let status = answer.as_ref().err();
        let is_hidden = status.is_some_and(|status| !format!("{status:?}").contains("do not show"));
        let id = status.and_then(StatusExt::get_details_request_info);
        let id = id.map_or_else(String::new, |info| info.request_id);
        let line = on.log.line(&["a request failed", &format!("request_id=\"{id}\"")]);
        Ok(seen("Panic {}", &answer)
            .check("INTERNAL", code(&answer) == Code::Internal)
            .check("nothing of the panic", is_hidden)
            .check("the log has its request", !id.is_empty() && line.is_some()))
    })
    .await;

    show.step("A status of the method's own", "-", async {
        let message = "the book is closed";
        let failure = FailRequest { code: 9, message: message.to_owned() };
        let answer = on.orders().await?.fail(on.request(failure, None)?).await;
        let is_kept = answer.as_ref().is_err_and(|status| status.message() == message);
        let seen = seen("Fail { code: 9, .. }", &answer);
        Ok(seen.check("passes as it is", is_kept && code(&answer) == Code::FailedPrecondition))
    })
    .await;

    show.step("A limiter that knows only HTTP", "none of ours", async {
        let mut orders = on.behind_plain_limiter().await?;
        let answer = orders.get(on.request(GetRequest { id: 7 }, None)?).await;
        let is_misread = code(&answer) == Code::Unavailable;
        Ok(seen("Get { id: 7 }, answered with a bare 429", &answer)
            .check("is read as UNAVAILABLE, which clients retry", is_misread))
    })
    .await;

    show.step("The same one, behind our layer", "problem", async {
        let mut orders = on.behind_mended_limiter().await?;
        let answer = orders.get(on.request(GetRequest { id: 7 }, None)?).await;
        Ok(seen("Get { id: 7 }, answered with a bare 429", &answer)
            .check("RESOURCE_EXHAUSTED", code(&answer) == Code::ResourceExhausted)
            .check("wait three seconds", retry_secs(&answer) == Some(3)))
    })
    .await;

    show.step("One limit over HTTP and gRPC", "ratelimit", async {
        let mut passed = 0;
        for _ in 0..3 {
            let order = on.order_7()?.from(GREEDY);
            passed += usize::from(on.send(order).await?.status == 200);
        }
        let mut orders = on.orders().await?;
        for _ in 0..2 {
            let request = on.request(GetRequest { id: 7 }, Some(GREEDY))?;
            passed += usize::from(orders.get(request).await.is_ok());
        }
        let answer = orders.get(on.request(GetRequest { id: 7 }, Some(GREEDY))?).await;
        let wait = retry_secs(&answer).is_some_and(|secs| (1..=120).contains(&secs));
        Ok(seen("Get { id: 7 }", &answer)
            .sent("3 requests over HTTP, then 3 over gRPC, all from 203.0.113.99")
            .check("five passed before", passed == 5)
            .check("RESOURCE_EXHAUSTED", code(&answer) == Code::ResourceExhausted)
            .check("when to retry", wait))
    })
    .await;
}

pub(super) fn code<T>(answer: &Result<Response<T>, Status>) -> Code {
    answer.as_ref().err().map_or(Code::Ok, Status::code)
}

fn retry_secs<T>(answer: &Result<Response<T>, Status>) -> Option<u64> {
    let info = answer.as_ref().err()?.get_details_retry_info()?;
    Some(info.retry_delay?.as_secs())
}

/// What a client sees of an answer, details included.
pub(super) fn seen<T: Debug>(sent: &str, answer: &Result<Response<T>, Status>) -> Seen {
    let (gist, got) = match answer {
        Ok(answer) => ("OK".to_owned(), vec![format!("OK {:?}", answer.get_ref())]),
        Err(status) => (name(status).to_owned(), details(status)),
    };
    let seen = Seen { got, gist, ..Seen::default() };
    seen.sent(format!("orders.v1.Orders/{sent}"))
}

/// As the protocol writes it: `INVALID_ARGUMENT`.
fn name(status: &Status) -> &'static str {
    let code = grpc::Code::ALL.get(status.code() as usize);
    code.map_or("UNKNOWN", |code| code.name())
}

fn details(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let mut lines = vec![format!("{} {:?}", name(status), status.message())];
    if let Some(info) = details.error_info() {
        lines.push(format!("ErrorInfo {} of {}", info.reason, info.domain));
    }
    if let Some(info) = details.request_info() {
        lines.push(format!("RequestInfo {}", info.request_id));
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        lines.push(format!("RetryInfo in {delay:.0?}"));
    }
    for fault in details.bad_request().iter().flat_map(|faults| &faults.field_violations) {
        lines.push(format!("BadRequest {}: {}", fault.field, fault.description));
    }
    for quota in details.quota_failure().iter().flat_map(|failure| &failure.violations) {
        lines.push(format!("QuotaFailure {}: {}", quota.subject, quota.description));
    }
    lines
}
