use super::{http::Call, show::Show, stage::Stage};

/// How much the service can take.
pub(super) async fn show(on: &Stage, show: &mut Show) {
    show.section(
        "Slots: how much the service takes on",
        "Four requests at a time, to the ends of their bodies. Whoever finds no slot hears so at \
         once, instead of waiting for an answer that comes too late.",
    );

    show.step("A fifth request while four stream", "shed", async {
        let mut streams = Vec::new();
        for _ in 0..4 {
            let stream = Call::get("/stream?chunks=100000&every_ms=5");
            streams.push(stream.open(on.http).await?);
        }
        let refused = on.send(Call::get("/")).await?;
        let wait = refused.header("retry-after").parse::<u64>().is_ok();

        // Whoever leaves gives back the slot, as soon as the server hears of it.
        drop(streams);
        let mut passes = false;
        while !passes {
            passes = on.send(Call::get("/")).await?.status == 200;
        }
        let seen = refused.seen_problem(503);
        Ok(seen.check("Retry-After", wait).check("passes when one of them has left", passes))
    })
    .await;
}
