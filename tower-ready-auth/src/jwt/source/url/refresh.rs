//! The task that fetches.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{HeaderValue, Uri};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tower_ready_core::Instant;

use super::{
    Shared,
    fetch::{Failure, Fetched},
    retired::Retired,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the task remembers from one fetch to the next.
#[derive(Default)]
struct Memory {
    url: Option<Uri>,
    etag: Option<HeaderValue>,
    last_good: Option<Instant>,
    failures: u32,
    retired: Retired,
}

pub(super) async fn run(shared: Arc<Shared>, ended: watch::Sender<u64>) {
    let mut memory = Memory::default();
    loop {
        shared.in_flight.store(true, Ordering::Release);
        shared.begun.fetch_add(1, Ordering::AcqRel);
        let delay = attempt(&shared, &mut memory).await;
        shared.in_flight.store(false, Ordering::Release);
        ended.send_modify(|ended| *ended += 1);

        let delay = jittered(delay);
        let retired = memory.retired.stays(Instant::now());
        let stale = memory
            .last_good
            .map_or(Duration::MAX, |good| (good + shared.config.max_stale).since(Instant::now()));
        tokio::select! {
            () = sleep(delay) => {}
            () = shared.wanted.notified() => {}
            () = sleep(retired), if retired < Duration::MAX => {}
            () = sleep(stale), if shared.current.load().is_some() => {
                forget(&shared, &mut memory);
            }
        }
    }
}

/// Fetches once, and says how long to wait for the next time.
async fn attempt(shared: &Shared, memory: &mut Memory) -> Duration {
    let config = &shared.config;
    let fetch = async {
        let url = match &memory.url {
            Some(url) => url.clone(),
            None => shared.client.key_url(config).await?,
        };
        // Without a set, the answer that nothing has changed would be of no use.
        let etag = memory.etag.as_ref().filter(|_| shared.current.load().is_some());
        let fetched = shared.client.keys(&url, etag).await?;
        Ok((url, fetched))
    };
    let result = timeout(config.reach.timeout, fetch).await;
    match result.unwrap_or_else(|_| Err("it took too long".to_owned().into())) {
        Ok((url, fetched)) => {
            memory.url = Some(url);
            good(shared, memory, fetched)
        }
        Err(failure) => {
            // The issuer may have moved its keys.
            memory.url = None;
            bad(shared, memory, &failure)
        }
    }
}

fn good(shared: &Shared, memory: &mut Memory, fetched: Fetched) -> Duration {
    memory.failures = 0;
    memory.last_good = Some(Instant::now());
    if let Some(keys) = fetched.keys {
        memory.etag = fetched.etag;
        #[cfg(feature = "tracing")]
        for skipped in keys.skipped() {
            tracing::debug!(
                target: "tower_ready_auth::keys",
                key_id = skipped.key_id(),
                error = %skipped.error(),
                "a published key is not used"
            );
        }
        memory.retired.publish(keys, Instant::now(), shared.config.grace);
    }
    set(shared, memory);
    let named = fetched.max_age.map(|age| age.clamp(MINUTE, DAY));
    // Ahead of its end, so that a failure or two do not matter.
    named.unwrap_or(shared.config.refresh) / 5 * 4
}

fn bad(shared: &Shared, memory: &mut Memory, failure: &Failure) -> Duration {
    let delay = Duration::from_secs(1 << memory.failures.min(6)).min(MINUTE);
    memory.failures = memory.failures.saturating_add(1);
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_ready_auth::keys",
        from = ?shared.config.origin,
        error = failure.why,
        have_keys = shared.current.load().is_some(),
        "keys could not be fetched"
    );
    let is_old = |good: Instant| good + shared.config.max_stale <= Instant::now();
    if memory.last_good.is_some_and(is_old) {
        forget(shared, memory);
    } else {
        set(shared, memory);
    }
    failure.retry_after.map_or(delay, |wanted| wanted.clamp(delay, 10 * MINUTE))
}

fn set(shared: &Shared, memory: &mut Memory) {
    if let Some(keys) = memory.retired.good(Instant::now()) {
        shared.current.set(keys);
    }
}

/// Keys that nobody has vouched for in so long may have been withdrawn.
fn forget(shared: &Shared, memory: &mut Memory) {
    memory.retired.forget();
    if shared.current.load().is_none() {
        return;
    }
    shared.current.clear();
    #[cfg(feature = "tracing")]
    tracing::error!(
        target: "tower_ready_auth::keys",
        from = ?shared.config.origin,
        "the keys are too old, and no newer ones can be had"
    );
}

/// Give or take a tenth, so that instances do not all come at once.
fn jittered(delay: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 200;
    // Divided first, since it may be for ever.
    delay / 1_000 * (900 + random as u32)
}
