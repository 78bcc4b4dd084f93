use bytes::Bytes;
use http::Method;

use super::{http::Call, show::Show, stage::Stage};

/// Errors of routers, parsers and handlers.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Errors: one form, whoever failed",
        "Routers, extractors, body limits and handlers each have errors of their own. The problem \
         layer answers all of them as RFC 9457 says, with an id to ask for.",
    );

    show.step("A path that is not there", "problem", async {
        let answer = on.send(Call::get("/nothing/here")).await?;
        let is_named =
            answer.at("/code") == "NOT_FOUND" && answer.at("/instance") == "/nothing/here";
        Ok(answer.seen_problem(404).check("its code and its path", is_named))
    })
    .await;

    show.step("A method that the route does not have", "problem", async {
        let answer = on.send(Call::new(Method::DELETE, "/orders/7")).await?;
        let kept = answer.header("allow").contains("GET");
        Ok(answer.seen_problem(405).check("Allow of the router is kept", kept))
    })
    .await;

    show.step("An order that is no JSON", "problem", async {
        let answer = on.send(on.order("text/csv", "teapot,7")?).await?;
        let is_said = answer.header("accept") == "application/json";
        Ok(answer.seen_problem(415).check("Accept says what would do", is_said))
    })
    .await;

    show.step("An order that breaks off", "problem", async {
        let answer = on.send(on.order("application/json", r#"{"item":"tea"#)?).await?;
        let is_said = answer.at("/detail").as_str().is_some_and(|detail| detail.contains("column"));
        Ok(answer.seen_problem(400).check("where it broke", is_said))
    })
    .await;

    show.step("An order with two faults", "problem", async {
        let call = on.order("application/json", r#"{"item":"","quantity":"seven"}"#)?;
        let answer = on.send(call).await?;
        let places = [answer.at("/errors/0/pointer"), answer.at("/errors/1/pointer")];
        let seen = answer.seen_problem(422);
        Ok(seen.check("both at once, each with its place", places == ["#/item", "#/quantity"]))
    })
    .await;

    show.step("The page that its type leads to", "problem", async {
        let faulty = on.send(on.order("application/json", "{}")?).await?;
        let page = faulty.at("/type").as_str().unwrap_or_default().to_owned();
        let answer = on.send(Call::get(page)).await?;
        let is_it = answer.at("/problems/0/title") == faulty.at("/title");
        Ok(answer.seen().check("200", answer.status == 200).check("the same title", is_it))
    })
    .await;

    show.step("An empty 503 from a handler", "problem", async {
        let answer = on.send(Call::get("/fail?status=503")).await?;
        Ok(answer.seen_problem(503))
    })
    .await;

    show.step("An upload beyond the limit", "problem", async {
        // The limit refuses before it has read, and the drain reads on: else a client that is
        // still sending loses the answer with its connection.
        let upload = Call::new(Method::POST, "/echo").body(Bytes::from(vec![b'x'; 4 << 20]));
        let answer = on.send(upload).await?;
        Ok(answer.seen_problem(413))
    })
    .await;
}
