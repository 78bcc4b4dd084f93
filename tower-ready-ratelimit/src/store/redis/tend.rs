//! What a store does by itself: it says that it is there, and looks after what it holds.

use std::{
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{self, MissedTickBehavior},
};
use tower_ready_core::Instant;

use super::{Mode, ScriptExecutor, holders::Entry, inner::Inner, scripts::Words};

/// How often an instance says that it is there.
const BEAT: Duration = Duration::from_secs(1);
/// After so long without a word it is not.
const GONE: Duration = Duration::from_millis(3_500);
/// So many messages about leases are under way at a time, for what is done in the background.
const AT_ONCE: usize = 64;
/// How often a drain looks again for what was still under way.
const ROUNDS: u32 = 8;

impl<E: ScriptExecutor> Inner<E> {
    pub(super) fn tend(self: &Arc<Self>) {
        if self.settings.instances.is_none() {
            let inner = Arc::downgrade(self);
            self.spawn(each(inner, BEAT, |inner| async move { inner.beat(true).await }));
        }
        if self.settings.mode == Mode::Leased {
            let (inner, pause) = (Arc::downgrade(self), self.settings.life / 5);
            self.spawn(each(inner, pause, Self::look_after));
        }
    }

    /// Says that this instance is there, or leaves, and learns how many there are.
    pub(super) async fn beat(&self, stays: bool) {
        let keys = [format!("{}:instances", self.settings.prefix).into_bytes()];
        let words = [&*self.node, if stays { "1" } else { "0" }, &GONE.as_millis().to_string()];
        let args: Words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        if let Ok((_, reply)) = self.run(&self.scripts.beat, &keys, &args).await
            && let Some(instances) = reply.first().and_then(|it| u64::try_from(*it).ok())
        {
            self.instances.store(instances.max(1), Relaxed);
        }
    }

    /// Renews leases that lapse soon if anybody wants them, and gives the others back.
    async fn look_after(self: Arc<Self>) {
        let now = Instant::now();
        self.holders.sweep(|entry| entry.holder.is_idle(now, &self.terms(&entry.quota())));
        let mut due = self.holders.all();
        due.retain(|entry| {
            let terms = self.terms(&entry.quota());
            entry.holder.lapses_soon(now, &terms) && entry.holder.wants_ahead(now)
        });
        self.ask_for_all(due, |entry| !entry.holder.is_wanted()).await;
    }

    /// Gives back all that is held, and says that this instance leaves.
    pub(super) async fn drain(self: &Arc<Self>) {
        self.drains.store(true, Relaxed);
        for _ in 0..ROUNDS {
            let later = Instant::now() + self.settings.life;
            let mut due = self.holders.all();
            due.retain(|entry| entry.holder.units() > 0);
            if due.is_empty() {
                break;
            }
            // Of some a message is under way; their turn comes in the next round.
            due.retain(|entry| entry.holder.wants_ahead(later));
            self.ask_for_all(due, |_| true).await;
            time::sleep(self.settings.deadline / 4).await;
        }
        if self.settings.instances.is_none() {
            self.beat(false).await;
        }
    }

    async fn ask_for_all(
        self: &Arc<Self>,
        entries: Vec<Arc<Entry>>,
        gives_back: impl Fn(&Entry) -> bool,
    ) {
        let mut asked = JoinSet::new();
        for entry in entries {
            let (inner, give_back) = (Arc::clone(self), gives_back(&entry));
            asked.spawn(async move { inner.ask(&entry, give_back).await });
            if asked.len() >= AT_ONCE {
                asked.join_next().await;
            }
        }
        while asked.join_next().await.is_some() {}
    }
}

async fn each<E, F>(
    inner: Weak<Inner<E>>,
    pause: Duration,
    mut work: impl FnMut(Arc<Inner<E>>) -> F,
) where
    F: Future<Output = ()>,
{
    let mut ticks = time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.drains.load(Relaxed)) else {
            return;
        };
        work(inner).await;
    }
}
