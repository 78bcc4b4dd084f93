use super::{http::Call, show::Show, stage::Stage};

const ID: [&str; 1] = ["x-request-id"];

/// What leads from an answer to the log.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Ids: from an answer to the log",
        "A caller sees an id and nothing of what happened; whoever reads the log finds both.",
    );

    show.step("A handler that panics", "problem", async {
        let answer = on.send(Call::get("/panic")).await?;
        let id = answer.at("/error_id").as_str().unwrap_or_default().to_owned();
        let line = on.log.line(&[&format!("error_id=\"{id}\""), "do not show this"]);
        let line = line.filter(|_| !id.is_empty());
        let seen = answer.seen_problem(500);
        Ok(seen
            .check("nothing of the panic", !answer.text().contains("do not show"))
            .check("the log has it, under its error_id", line.is_some())
            .and(format!("log: {}", line.unwrap_or_default())))
    })
    .await;

    show.step("A request id of the caller's", "obs", async {
        let call = Call::get("/nothing/here").watching(&ID).header("x-request-id", "tour-0001");
        let answer = on.send(call).await?;
        let line = on.log.line(&["access", "request_id=\"tour-0001\""]);
        let seen = answer.seen_problem(404);
        Ok(seen
            .check("kept", answer.header("x-request-id") == "tour-0001")
            .check("and logged", line.is_some())
            .and(format!("log: {}", line.unwrap_or_default())))
    })
    .await;

    show.step("A request id that is none", "obs", async {
        let call = on.order_7()?.watching(&ID).header("x-request-id", "\"a b\", error=none");
        let answer = on.send(call).await?;
        let id = answer.header("x-request-id");
        let is_new = id.len() == 36 && answer.at("/request_id") == id;
        Ok(answer.seen().check("a new one, for the handler as well", is_new))
    })
    .await;
}
