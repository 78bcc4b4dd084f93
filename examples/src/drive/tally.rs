use std::{collections::BTreeMap, fmt, time::Duration};

/// What clients saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How long each answer took, by its status; no status for what broke.
    answers: BTreeMap<Option<u16>, Vec<Duration>>,
}

impl Tally {
    pub(super) fn add(&mut self, status: Option<u16>, took: Duration) {
        self.answers.entry(status).or_default().push(took);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (status, mut times) in other.answers {
            self.answers.entry(status).or_default().append(&mut times);
        }
    }

    pub(super) fn count(&self, status: Option<u16>) -> usize {
        self.answers.get(&status).map_or(0, Vec::len)
    }

    pub(super) fn total(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }

    /// The time within which this share of the answers with a status came.
    pub(super) fn percentile(&mut self, status: u16, share: f64) -> Duration {
        let Some(times) = self.answers.get_mut(&Some(status)) else { return Duration::ZERO };
        times.sort_unstable();
        let place = (times.len() as f64 * share) as usize;
        times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// How many of each status.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (status, times) in &self.answers {
            let gap = if first { "" } else { "  " };
            first = false;
            match status {
                Some(status) => write!(f, "{gap}{status}: {}", times.len())?,
                None => write!(f, "{gap}broken: {}", times.len())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_that_of_one_status() {
        let mut tally = Tally::default();
        for ms in (1..=100).rev() {
            tally.add(Some(200), Duration::from_millis(ms));
        }
        tally.add(Some(503), Duration::from_secs(9));
        tally.add(None, Duration::ZERO);
        assert_eq!(tally.percentile(200, 0.5), Duration::from_millis(51));
        assert_eq!(tally.percentile(200, 1.0), Duration::from_millis(100));
        assert_eq!(tally.percentile(404, 0.5), Duration::ZERO);
        assert_eq!(tally.to_string(), "broken: 1  200: 100  503: 1");
    }
}
