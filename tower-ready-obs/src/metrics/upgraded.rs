use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::Metrics;
use crate::{
    labels::Labels,
    scrape::{Descriptor, FamilyKind, Number},
};

/// Counts a connection that is HTTP's no longer, until it is dropped: see [`Metrics::upgraded`].
#[must_use = "the connection is counted until this is dropped"]
pub struct Upgraded(Arc<AtomicU64>);

impl Metrics {
    /// Counts an upgraded connection, a WebSocket say, in `tower_ready_upgraded_connections`. The
    /// request itself is over with its `101`, so whoever serves the connection keeps this meanwhile:
    ///
    /// ```
    /// # let metrics = tower_ready_obs::Metrics::builder().build().unwrap();
    /// let open = metrics.upgraded();
    /// metrics.scrape().assert("tower_ready_upgraded_connections", 1.0);
    /// drop(open); // when the WebSocket is closed
    /// metrics.scrape().assert("tower_ready_upgraded_connections", 0.0);
    /// ```
    pub fn upgraded(&self) -> Upgraded {
        let count = self.upgraded_count().get_or_init(|| {
            let count = Arc::new(AtomicU64::new(0));
            let descriptor = Descriptor::new(
                "tower_ready_upgraded_connections",
                FamilyKind::Gauge,
                "Connections that are HTTP's no longer.",
            );
            let read = count.clone();
            self.pull(descriptor, Labels::default(), move || Number::Count(read.load(Relaxed)));
            count
        });
        count.fetch_add(1, Relaxed);
        Upgraded(count.clone())
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded(..)")
    }
}
