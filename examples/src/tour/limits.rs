use super::{http::Call, show::Show, stage::Stage};

/// What says how a client stands.
const LIMIT: [&str; 2] = ["ratelimit-policy", "ratelimit"];

const GREEDY: &str = "203.0.113.7";

/// How much one client may ask.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Limits: how much one client may ask",
        "Five requests in ten minutes for each client address, whichever connection they come on. \
         Every answer says what is left. The tour is a proxy that the stack trusts, so it can be \
         several clients.",
    );

    show.step("A request within the limit", "ratelimit", async {
        let answer = on.send(Call::get("/").watching(&LIMIT)).await?;
        let left = answer.header("ratelimit").contains("r=4");
        let policy = answer.header("ratelimit-policy").contains("\"address\";q=5;w=600");
        Ok(answer
            .seen()
            .check("200", answer.status == 200)
            .check("the policy", policy)
            .check("four are left", left))
    })
    .await;

    show.step("The sixth, on as many connections", "ratelimit", async {
        let call = || Call::get("/").watching(&LIMIT).from(GREEDY);
        let mut passed = 0;
        for _ in 0..5 {
            passed += usize::from(on.send(call()).await?.status == 200);
        }
        let answer = on.send(call()).await?;
        let wait: u64 = answer.header("retry-after").parse().unwrap_or_default();
        let seen = answer.seen_problem(429);
        Ok(seen
            .check("five passed before", passed == 5)
            .check("Retry-After", (1..=120).contains(&wait))
            .check("which policy", answer.at("/violated-policies/0") == "address"))
    })
    .await;

    show.step("Another client", "ratelimit", async {
        let answer = on.send(Call::get("/").watching(&LIMIT).from("203.0.113.8")).await?;
        Ok(answer.seen().check("passes", answer.status == 200))
    })
    .await;

    show.step("The first one, with a forged header", "ratelimit", async {
        // The proxy appends what it sees; what stands before is the client's word.
        let forged = format!("192.0.2.1, {GREEDY}");
        let answer = on.send(Call::get("/").watching(&LIMIT).from(&forged)).await?;
        Ok(answer.seen_problem(429))
    })
    .await;

    show.step("One principal from six addresses", "ratelimit", async {
        let token = on.token("alice", "orders:read", &[])?;
        let call = || Call::get("/orders/7").watching(&LIMIT).by(&token);
        let mut passed = 0;
        for _ in 0..5 {
            passed += usize::from(on.send(call()).await?.status == 200);
        }
        let answer = on.send(call()).await?;
        let seen = answer.seen_problem(429);
        Ok(seen
            .check("five passed before", passed == 5)
            .check("which policy", answer.at("/violated-policies/0") == "principal"))
    })
    .await;

    show.step("One IPv6 subscriber with six addresses", "ratelimit", async {
        let call = |host: &str| Call::get("/").from(&format!("2001:db8:0:{host}"));
        let mut passed = 0;
        for host in ["7::1", "7::2", "7:a::3", "7:b::4", "7:ffff::5"] {
            passed += usize::from(on.send(call(host)).await?.status == 200);
        }
        let answer = on.send(call("7:cafe::6")).await?;
        let neighbour = on.send(call("8::1")).await?;
        let seen = answer.seen_problem(429);
        Ok(seen
            .check("five of its /64 passed before", passed == 5)
            .check("the /64 beside it passes", neighbour.status == 200))
    })
    .await;
}
