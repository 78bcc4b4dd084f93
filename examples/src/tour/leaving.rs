use http_body_util::BodyExt;
use tokio::net::TcpStream;

use super::{http::Call, seen::Seen, show::Show, stage::Stage};

/// The end of the servers.
pub(super) async fn show(on: Stage, show: &mut Show) {
    show.section(
        "The end: nothing in flight is lost",
        "A stream and a subscription to events are open when the end begins. Balancers are told to go \
         elsewhere, and what they still send is served.",
    );

    show.step("An end while streams are open", "shutdown", async {
        let stream = Call::get("/stream?chunks=5&every_ms=100");
        let events = Call::get("/events");
        let sent =
            [stream.lines(), events.lines(), vec!["then the server is told to end".to_owned()]]
                .concat();
        // Both have answered with a head, and are not over.
        let stream = stream.open(on.http).await?.into_body();
        let events = events.open(on.http).await?.into_body();
        on.app.lifecycle.drain();
        // Still served, until balancers have noticed.
        let ready = on.send(Call::get("/readyz")).await?.status;
        let live = on.send(Call::get("/livez")).await?.status;
        let served = on.send(Call::get("/")).await?.status;

        let lines = stream.collect().await?.to_bytes();
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        let events = events.collect().await;
        let report = on.serving.await?;
        let refused = TcpStream::connect(on.http).await.is_err();
        let seen = Seen {
            sent,
            got: vec![format!("{lines} of 5 lines"), "the end of the events".to_owned()],
            gist: "every line".to_owned(),
            checks: Vec::new(),
        };
        Ok(seen
            .check("not ready, but alive", ready == 503 && live == 200)
            .check("new requests are served meanwhile", served == 200)
            .check("the stream is finished", lines == 5)
            .check("the events end and do not break", events.is_ok())
            .check("then nobody listens", refused)
            .check("and nothing was cut", report.is_clean()))
    })
    .await;
}
