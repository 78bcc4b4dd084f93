use tonic::Code;

use super::{grpc, http::Call, show::Show, stage::Stage};
use crate::proto::GetRequest;

/// Who calls, and what they may.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Callers: who they are, and what they may",
        "Tokens are checked for signature, issuer, audience and time, keys by their digest. What a \
         route asks of its caller stands at the route.",
    );

    show.step("An order for nobody", "auth", async {
        let answer = on.send(Call::get("/orders/7")).await?;
        let is_asked = answer.header("www-authenticate") == "Bearer";
        Ok(answer.seen_problem(401).check("asked for a token", is_asked))
    })
    .await;

    show.step("A token without the scope", "auth", async {
        let answer = on.send(Call::get("/orders/7").by(&on.token("carol", "", &[])?)).await?;
        let is_told = answer.header("www-authenticate").contains("scope=\"orders:read\"");
        Ok(answer.seen_problem(403).check("told which scope", is_told))
    })
    .await;

    show.step("A token with it", "auth", async {
        let token = on.token("carol", "orders:read", &[])?;
        let answer = on.send(Call::get("/orders/7").by(&token)).await?;
        let is_known = answer.at("/by") == "carol";
        Ok(answer.seen().check("200", answer.status == 200).check("known by name", is_known))
    })
    .await;

    show.step("The same token, one letter changed", "auth", async {
        let token = on.token("carol", "orders:read", &[])?;
        let call = Call::get("/orders/7").by(&forged(&token));
        let answer = on.send(call.header("x-request-id", "tour-0003")).await?;
        let line = on.log.line(&["authn_login_fail", "tour-0003"]);
        Ok(answer
            .seen_problem(401)
            .check("the audit log says why", line.is_some())
            .check("and has no token in it", line.as_ref().is_some_and(|it| !it.contains("eyJ")))
            .and(format!("log: {}", line.unwrap_or_default())))
    })
    .await;

    show.step("An API key", "auth", async {
        let call = Call::get("/orders/7").header("x-api-key", on.api_key.clone());
        let answer = on.send(call).await?;
        let is_known = answer.at("/by") == "dev";
        Ok(answer.seen().check("200", answer.status == 200).check("known by its owner", is_known))
    })
    .await;

    show.step("A report for administrators", "auth", async {
        let clerk = on.token("carol", "orders:read orders:write", &["clerk"])?;
        let admin = on.token("dave", "", &["admin"])?;
        let refused = on.send(Call::get("/admin/report").by(&clerk)).await?;
        let passed = on.send(Call::get("/admin/report").by(&admin)).await?;
        let seen = refused.seen_problem(403);
        Ok(seen.check("200 with the role admin", passed.status == 200))
    })
    .await;

    show.step("The same over gRPC, without a token", "auth", async {
        let mut request = on.request(GetRequest { id: 7 }, None)?;
        request.metadata_mut().remove("authorization");
        let answer = on.orders().await?.get(request).await;
        let seen = grpc::seen("Get { id: 7 }", &answer);
        Ok(seen.check("UNAUTHENTICATED", grpc::code(&answer) == Code::Unauthenticated))
    })
    .await;
}

/// The signature is not that of this token any more.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", signature.get(1..).unwrap_or_default())
}
