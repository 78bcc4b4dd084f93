//! Keys that are in the set no more.

use std::{sync::Arc, time::Duration};

use tower_ready_core::Instant;

use crate::{Key, KeySet};

/// The set that an issuer publishes, and the keys that were in it until lately.
#[derive(Default)]
pub(super) struct Retired {
    published: Option<KeySet>,
    keys: Vec<(Arc<Key>, Instant)>,
}

impl Retired {
    /// Notes what is published now. Keys that are gone from it stay for a while.
    pub(super) fn publish(&mut self, keys: KeySet, now: Instant, grace: Duration) {
        if let Some(before) = &self.published {
            let gone = before.without(&keys).cloned();
            self.keys.extend(gone.map(|key| (key, now + grace)));
        }
        // One that came back has not gone.
        self.keys.retain(|(key, _)| !keys.keys().any(|it| it.is_same(key)));
        self.published = Some(keys);
    }

    /// The keys that are good now.
    pub(super) fn good(&mut self, now: Instant) -> Option<KeySet> {
        self.keys.retain(|(_, end)| *end > now);
        let published = self.published.as_ref()?;
        if self.keys.is_empty() {
            return Some(published.clone());
        }
        Some(published.with(self.keys.iter().map(|(key, _)| Arc::clone(key))))
    }

    /// How long it stays like this.
    pub(super) fn stays(&self, now: Instant) -> Duration {
        let ends = self.keys.iter().map(|(_, end)| end.since(now));
        ends.min().unwrap_or(Duration::MAX)
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    fn set(ids: &[u8]) -> KeySet {
        let key = |id: &u8| Key::secret(Algorithm::HS256, &[*id; 32]).unwrap().id(id.to_string());
        KeySet::new(ids.iter().map(key)).unwrap()
    }

    fn ids(keys: Option<KeySet>) -> String {
        let keys = keys.unwrap();
        keys.keys().filter_map(|key| key.key_id().map(str::to_owned)).collect()
    }

    #[test]
    fn a_key_that_is_gone_stays_for_its_grace() {
        let (minute, mut retired) = (Duration::from_secs(60), Retired::default());
        let start = Instant::from_nanos(1 << 40);
        retired.publish(set(&[1, 2]), start, minute);
        assert_eq!(retired.stays(start), Duration::MAX);
        retired.publish(set(&[2, 3]), start, minute);
        assert_eq!(ids(retired.good(start)), "231");
        let later = start + minute / 2;
        assert_eq!(retired.stays(later), minute / 2);
        retired.publish(set(&[3]), later, minute);
        assert_eq!(ids(retired.good(later)), "312");
        assert_eq!(ids(retired.good(start + minute)), "32");
        retired.publish(set(&[2, 3]), start + minute, minute);
        assert_eq!(ids(retired.good(start + minute)), "23");
        assert_eq!(retired.stays(start + minute), Duration::MAX);
        retired.publish(set(&[4]), start + minute, Duration::ZERO);
        assert_eq!(ids(retired.good(start + minute)), "4", "no grace by default");
    }
}
