use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Connection;

/// Since when something holds of connections, as far as one looks now and then.
#[derive(Debug, Default)]
pub(crate) struct Since(HashMap<usize, Instant>);

impl Since {
    /// How long it has held, of each connection of which it holds now.
    pub(crate) fn look<'a>(
        &mut self,
        connections: &'a [Arc<Connection>],
        now: Instant,
        holds: impl Fn(&Connection) -> bool,
    ) -> Vec<(&'a Arc<Connection>, Duration)> {
        let mut still = HashMap::new();
        let mut found = Vec::new();
        for connection in connections.iter().filter(|connection| holds(connection)) {
            let key = Arc::as_ptr(connection).addr();
            let since = self.0.get(&key).copied().unwrap_or(now);
            still.insert(key, since);
            found.push((connection, now.saturating_duration_since(since)));
        }
        self.0 = still;
        found
    }
}
