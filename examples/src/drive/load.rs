use std::{env, net::SocketAddr, process::ExitCode, time::Duration};

use axum::{Json, Router, extract::Path, routing::get};
use tokio::{task::JoinSet, time::Instant};

use super::{client::Client, ended, process::Server, seconds, tally::Tally};

/// Clients that ask as fast as answers come: enough to keep both sides busy.
const CLIENTS: usize = 32;

/// What a server with few slots can bear: so many at a time, each for so long.
const SLOTS: usize = 16;
const HELD: Duration = Duration::from_millis(10);

/// Clients at twice that.
const CROWD: usize = 256;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Says that this process is to be the bare server: one of its own, as the others are.
const BARE: &str = "--bare-server";

/// The binary `load`.
pub async fn main() -> ExitCode {
    match env::args().nth(1) {
        Some(arg) if arg == BARE => ended(bare().await),
        _ => ended(run().await),
    }
}

#[allow(clippy::print_stdout, reason = "a command speaks to a terminal")]
async fn run() -> Result<(), Failure> {
    let time = seconds("--seconds", 5)?;
    println!("{time:.0?} each, clients and servers on this machine\n");
    println!("{:44} {:>9} {:>8} {:>8} {:>8}", "", "answers/s", "p50", "p99", "p99.9");

    let mut bare = Server::start("load", &[BARE]).await?;
    let (mut seen, took) = crowd((bare.address, "", "/orders/7"), CLIENTS, time, None).await;
    bare.kill()?;
    row(&format!("an order from bare axum, {CLIENTS} clients"), &mut seen, took);
    let without = seen.count(Some(200)) as f64 / took.as_secs_f64();

    let plenty = ["--quota", "1000000/1s", "--ip-quota", "1000000/1s"];
    let flags = [&["--listen", "127.0.0.1:0", "--lame-duck", "0s"][..], &plenty].concat();
    let mut server = Server::start("axum", &flags).await?;
    let order = (server.address, &*server.token, "/orders/7");
    let (mut seen, took) = crowd(order, CLIENTS, time, None).await;
    row(&format!("the same with the stack, {CLIENTS} clients"), &mut seen, took);
    let with = seen.count(Some(200)) as f64 / took.as_secs_f64();
    let is_clean = server.stop().await?;

    // What comes does not slow down when a server does: twice what its slots can bear.
    let slots = SLOTS.to_string();
    let flags = [&flags[..], &["--max-in-flight", &slots]].concat();
    let mut server = Server::start("axum", &flags).await?;
    let slow = format!("/slow?ms={}", HELD.as_millis());
    let pace = HELD.mul_f64(CROWD as f64 / (2 * SLOTS) as f64);
    let slow = (server.address, &*server.token, &*slow);
    let (mut seen, took) = crowd(slow, CROWD, time, Some(pace)).await;
    let what = format!("{SLOTS} slots for {HELD:?} each, at twice the peak");
    row(&what, &mut seen, took);
    let is_clean = is_clean && server.stop().await?;

    println!("\nat twice the peak, clients saw  {seen}");
    println!("share of bare axum's answers: {:.2}", with / without.max(1.0));
    if without * with == 0.0 || seen.count(Some(200)) == 0 || seen.count(None) > 0 || !is_clean {
        return Err("answers were lost".into());
    }
    if seen.count(Some(503)) == 0 {
        return Err("nobody was turned away".into());
    }
    Ok(())
}

/// What this many clients see, and how long it took them.
async fn crowd(
    (to, token, path): (SocketAddr, &str, &str),
    clients: usize,
    time: Duration,
    pace: Option<Duration>,
) -> (Tally, Duration) {
    let now = Instant::now();
    // Spread evenly, where there is a pace: real clients do not come in step.
    let ask = |n| {
        let from = now + pace.unwrap_or_default().mul_f64(n as f64 / clients as f64);
        Client::new(to, path, token).ask(from, now + time, pace)
    };
    let mut clients: JoinSet<_> = (0..clients).map(ask).collect();
    let mut seen = Tally::default();
    while let Some(Ok(tally)) = clients.join_next().await {
        seen.merge(tally);
    }
    (seen, now.elapsed())
}

#[allow(clippy::print_stdout, reason = "a command speaks to a terminal")]
fn row(what: &str, seen: &mut Tally, took: Duration) {
    let rate = seen.count(Some(200)) as f64 / took.as_secs_f64();
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| seen.percentile(200, share));
    println!("{what:44} {rate:>9.0} {p50:>8.1?} {p99:>8.1?} {p999:>8.1?}");
}

/// The same answer from a router without a layer.
#[allow(clippy::print_stdout, reason = "whoever starts it reads where it is")]
async fn bare() -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}\ntry", listener.local_addr()?);
    let order = async |Path(id): Path<u64>| {
        Json(serde_json::json!({"id": id, "by": "dev", "request_id": "0"}))
    };
    let router = Router::new().route("/orders/{id}", get(order));
    Ok(axum::serve(listener, router).await?)
}
