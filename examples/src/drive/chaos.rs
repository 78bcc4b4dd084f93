use std::{
    env,
    hash::{BuildHasher, RandomState},
    io,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep},
};

use super::{
    client::Client,
    ended,
    process::{Process, Server},
    seconds,
    tally::Tally,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Clients of each route and instance.
const CLIENTS: usize = 4;

/// How often each of them asks.
const PACE: Duration = Duration::from_millis(20);

/// The binary `chaos`.
pub async fn main() -> ExitCode {
    ended(run().await)
}

#[allow(clippy::print_stdout, reason = "a command speaks to a terminal")]
async fn run() -> Result<(), Failure> {
    let time = seconds("--seconds", 2)?;
    println!("two instances, one Redis, one upstream; {time:.0?} for each scene\n");
    let redis_at = free()?;
    let mut redis = redis(redis_at)?;
    let upstream_at = free()?;
    let mut upstream = upstream(upstream_at).await?;

    let redis_url = format!("redis://{redis_at}/");
    let upstream_url = format!("http://{upstream_at}");
    let flags = [
        &["--listen", "127.0.0.1:0", "--lame-duck", "0s", "--redis", &redis_url][..],
        &["--upstream", &upstream_url, "--breaker-open", "200ms", "--upstream-timeout", "5s"],
        &["--quota", "1000000/1s", "--ip-quota", "1000000/1s"],
    ]
    .concat();
    let mut first = Server::start("axum", &flags).await?;
    let mut second = Server::start("axum", &flags).await?;
    let both = [(first.address, &*first.token), (second.address, &*second.token)];
    let both = both.map(|(address, token)| (address, token.to_owned()));

    let mut wrong = Vec::new();
    let mut judge = |what: &str, fine: bool| {
        if !fine {
            wrong.push(what.to_owned());
        }
    };

    let seen = scene("all is well", &both, time).await;
    judge("all is well", seen.orders.count(Some(200)) == seen.orders.total());
    judge("all is well", seen.upstream.count(Some(200)) == seen.upstream.total());

    redis.kill()?;
    let seen = scene("Redis is killed", &both, time).await;
    judge("orders without Redis", seen.orders.count(Some(200)) == seen.orders.total());
    redis = self::redis(redis_at)?;
    scene("Redis is back", &both, time).await;

    upstream.abort();
    // Its socket closes with it.
    let _ = (&mut upstream).await;
    let seen = scene("the upstream is killed", &both, time).await;
    judge("orders without the upstream", seen.orders.count(Some(200)) == seen.orders.total());
    judge("a dead upstream is told", seen.upstream.count(None) == 0);
    let upstream = self::upstream(upstream_at).await?;
    sleep(Duration::from_millis(1_500)).await;
    let seen = scene("the upstream is back", &both, time).await;
    judge("the upstream is used again", seen.upstream.count(Some(200)) > 0);

    second.kill()?;
    let seen = scene("one instance is killed, clients go to the other", &both[..1], time).await;
    judge("the other instance", seen.orders.count(Some(200)) == seen.orders.total());

    let alone = both[..1].to_vec();
    let leaving = tokio::spawn(async move { scene("the other one leaves", &alone, time).await });
    sleep(time / 2).await;
    let is_clean = first.stop().await?;
    let seen = leaving.await?;
    judge("leaving", is_clean && seen.orders.count(Some(200)) > 0);

    upstream.abort();
    redis.kill()?;
    if wrong.is_empty() {
        println!("\nnothing was lost but what was killed");
        return Ok(());
    }
    Err(format!("not as it should be: {}", wrong.join(", ")).into())
}

/// What clients saw of both routes.
struct Seen {
    orders: Tally,
    upstream: Tally,
}

#[allow(clippy::print_stdout, reason = "a command speaks to a terminal")]
async fn scene(title: &str, instances: &[(SocketAddr, String)], time: Duration) -> Seen {
    let now = Instant::now();
    let mut clients = JoinSet::new();
    for (address, token) in instances {
        for n in 0..CLIENTS * 2 {
            let path = if n % 2 == 0 { "/orders/7" } else { "/upstream/hello" };
            let client = Client::new(*address, path, token);
            clients.spawn(async move { (n % 2, client.ask(now, now + time, Some(PACE)).await) });
        }
    }
    let mut seen = Seen { orders: Tally::default(), upstream: Tally::default() };
    while let Some(Ok((route, tally))) = clients.join_next().await {
        if route == 0 { seen.orders.merge(tally) } else { seen.upstream.merge(tally) }
    }
    println!("{title}");
    println!("    /orders/7        {}", seen.orders);
    println!("    /upstream/hello  {}", seen.upstream);
    seen
}

fn redis(at: SocketAddr) -> Result<Process, Failure> {
    let server = env::var_os("TOWER_READY_REDIS_SERVER");
    let server = server.unwrap_or_else(|| "redis-server".into());
    let port = at.port().to_string();
    let args = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    Process::start(&PathBuf::from(server), &args)
}

/// A port that nobody has now, of those that no system gives to outgoing connections: whoever comes
/// back to it later finds it free.
fn free() -> io::Result<SocketAddr> {
    let chance = RandomState::new().hash_one(std::process::id()) as u16;
    let ports = (0..50).map(|n| 20_000 + chance.wrapping_add(n * 211) % 12_000);
    let at = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut free = at.filter_map(|at| std::net::TcpListener::bind(at).ok());
    free.next().ok_or(io::ErrorKind::AddrInUse)?.local_addr()
}

async fn upstream(at: SocketAddr) -> Result<JoinHandle<()>, Failure> {
    let listener: TcpListener = crate::listen::listen(at)?;
    let router = Router::new().route("/hello", get(async || "hello"));
    // A handler task of axum's outlives the server, but has nothing to do by then.
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok(serving)
}
