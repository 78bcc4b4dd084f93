//! Shows what a limiter keeps in Redis: the callers who are furthest from a full bucket, over all
//! instances, or one of them by the tag that logs and events name.
//!
//! ```console
//! $ cargo run -p tower-ready-ratelimit --features redis --example redis-keys -- redis://127.0.0.1/
//! $ cargo run -p tower-ready-ratelimit --features redis --example redis-keys -- redis://127.0.0.1/ 3f2a90c1d4
//! ```
//!
//! It walks all keys by SCAN, which leaves Redis to its work in between, and reads only.

#![allow(clippy::print_stdout, reason = "it prints")]

use std::{cmp::Reverse, collections::HashMap, env, error::Error};

use redis::{AsyncCommands, aio::MultiplexedConnection};

/// What every key of a limiter begins with, unless it was told otherwise.
const PREFIX: &str = "tr";
const MOST: usize = 20;

struct Bucket {
    name: String,
    /// Microseconds until it is full.
    full_in: i64,
    /// What instances hold of it: the instance, and how many units.
    held: Vec<(String, u64)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: redis-keys URL [TAG]")?;
    let wanted = args.next();
    let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection().await?;

    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await?;
    let now = seconds * 1_000_000 + micros;
    let instances: usize = redis.zcard(format!("{PREFIX}:instances")).await?;
    let mut buckets = Vec::new();
    let mut cursor = 0u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{PREFIX}:{{*")).arg("COUNT").arg(1_000);
        let (next, names): (u64, Vec<String>) = scan.query_async(&mut redis).await?;
        for name in names {
            if wanted.as_ref().is_none_or(|wanted| *wanted == tag(&name)) {
                buckets.extend(read(&mut redis, name, now).await?);
            }
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    buckets.sort_by_key(|bucket| Reverse(bucket.full_in));
    println!("{} buckets are not full; {instances} instances", buckets.len());
    for bucket in buckets.iter().take(MOST) {
        let seconds = bucket.full_in as f64 / 1e6;
        println!("{}  full in {seconds:.3} s  {}", tag(&bucket.name), bucket.name);
        for (instance, units) in bucket.held.iter().filter(|(_, units)| *units > 0) {
            println!("            instance {instance} holds {units}");
        }
    }
    Ok(())
}

/// By what logs and events name a caller: the last 39 bits of its hash.
fn tag(name: &str) -> String {
    let low = name.trim_end_matches(":l").rsplit(':').next().unwrap_or_default();
    let bits = u64::from_str_radix(low, 16).unwrap_or_default();
    format!("{:010x}", bits & ((1 << 39) - 1))
}

/// A bucket, unless it became full meanwhile.
async fn read(
    redis: &mut MultiplexedConnection,
    name: String,
    now: i64,
) -> Result<Option<Bucket>, Box<dyn Error>> {
    let mut held = Vec::new();
    let full: Option<String> = if name.ends_with(":l") {
        let mut fields: HashMap<String, String> = redis.hgetall(&name).await?;
        let full = fields.remove("full");
        for (instance, lease) in fields {
            // Its last message, the units, and when they lapse.
            if let [_, units, expiry] = lease.split(' ').collect::<Vec<_>>()[..]
                && expiry.parse::<i64>()? > now
            {
                held.push((instance, units.parse()?));
            }
        }
        full
    } else {
        redis.get(&name).await?
    };
    let micros = full.and_then(|full| full.split(' ').next()?.parse::<i64>().ok());
    let full_in = micros.map_or(0, |micros| micros - now);
    Ok((full_in > 0 || !held.is_empty()).then_some(Bucket { name, full_in, held }))
}
