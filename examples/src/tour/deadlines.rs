use std::time::Duration;

use tonic::Code;
use tower_ready_core::Instant;

use super::{grpc, http::Call, show::Show, stage::Stage};
use crate::proto::SlowRequest;

/// A minute of work, which nobody here waits for.
const WORK: u32 = 60_000;

/// How long a request may take.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Deadlines: how long a request may take",
        "One second here, or less if the caller says so. When it is over the work is dropped, \
         not only its answer: nobody computes what nobody waits for.",
    );

    show.step("A caller that waits a tenth of a second", "deadline", async {
        let call = Call::get(format!("/slow?ms={WORK}"));
        let call = call.header("x-request-timeout-ms", "100").header("x-request-id", "tour-0002");
        let began = Instant::now();
        let answer = on.send(call).await?;
        let took = Instant::now().since(began);
        let line = on.log.line(&["slow abandoned", "tour-0002"]);
        let seen = answer.seen_problem(504);
        Ok(seen
            .check("in time", took < Duration::from_secs(1))
            .check("the work was dropped", line.is_some())
            .and(format!("log: {}", line.unwrap_or_default())))
    })
    .await;

    show.step("A caller that would wait for ever", "deadline", async {
        let call = Call::get(format!("/slow?ms={WORK}"));
        let answer = on.send(call.header("x-request-timeout-ms", "3600000")).await?;
        Ok(answer.seen_problem(504))
    })
    .await;

    show.step("A caller over gRPC that waits as long", "deadline", async {
        let mut request = on.request(SlowRequest { ms: WORK }, None)?;
        request.metadata_mut().insert("x-request-timeout-ms", "100".parse()?);
        let answer = on.orders().await?.slow(request).await;
        let seen = grpc::seen("Slow { ms: 60000 } with x-request-timeout-ms: 100", &answer);
        Ok(seen.check("DEADLINE_EXCEEDED", grpc::code(&answer) == Code::DeadlineExceeded))
    })
    .await;
}
