//! `GET /debug/profile?seconds=N`: where the time of the processor goes, thread by thread.
//!
//! A sampling profiler that shows functions needs symbols and signals, and is a crate of its own;
//! where it goes, and who may ask for it, is what this shows.

use std::{fs, time::Duration};

use axum::{Json, Router, extract::Query, routing::get};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::sleep};
use tower_ready_auth::Auth;

use crate::{access::Access, http::App};

/// The ticks of a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

#[derive(Clone, Copy, Debug, Deserialize)]
struct Asked {
    #[serde(default = "one")]
    seconds: u64,
}

const fn one() -> u64 {
    1
}

/// The route, for administrators alone.
pub(super) fn router(auth: &Auth) -> Router<App> {
    Router::new()
        .route("/debug/profile", get(profile))
        .route_layer((auth.layer(), Access::Admin.policy().layer()))
}

async fn profile(Query(asked): Query<Asked>) -> Json<Value> {
    let seconds = asked.seconds.clamp(1, 30);
    let before = threads();
    sleep(Duration::from_secs(seconds)).await;
    let mut threads = threads();
    for (id, _, ticks) in &mut threads {
        let earlier = before.iter().find(|(known, ..)| known == id);
        *ticks -= earlier.map_or(0, |(_, _, ticks)| *ticks).min(*ticks);
    }
    threads.sort_by_key(|(_, _, ticks)| std::cmp::Reverse(*ticks));
    let busy = |ticks: u64| ticks as f64 / TICKS / seconds as f64;
    let threads = threads
        .into_iter()
        .map(|(id, name, ticks)| json!({"id": id, "name": name, "busy": busy(ticks)}));
    let runtime = Handle::current().metrics();
    Json(json!({
        "seconds": seconds,
        "workers": runtime.num_workers(),
        "tasks": runtime.num_alive_tasks(),
        "queued": runtime.global_queue_depth(),
        "threads": threads.collect::<Vec<_>>(),
    }))
}

/// Each thread: its id, its name, and the ticks that it was busy for. None where there is no `/proc`.
fn threads() -> Vec<(u64, String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    stats.filter_map(|stat| thread(&stat)).collect()
}

/// One line of `/proc/self/task/N/stat`: `id (name) state …`, where the name may hold anything.
fn thread(stat: &str) -> Option<(u64, String, u64)> {
    let (id, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    // From `state`, the third field, on: `utime` and `stime` are the fourteenth and fifteenth.
    let mut times = rest.split(' ').skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((id.parse().ok()?, name.to_owned(), user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_read_whatever_its_name() {
        let line = "71 (tokio ) (rt) S 1 70 70 0 -1 4194304 9 0 0 0 12 30 0 0 20 0 3 0 99 1000 5";
        assert_eq!(thread(line), Some((71, "tokio ) (rt".to_owned(), 42)));
        assert_eq!(thread("71 (tokio"), None);
        assert_eq!(thread(""), None);
    }
}
