//! When the parts of an end are over. Pure: `now` is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::Timings;

/// The deadlines of an end that has begun, each within the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) began: Instant,
    /// The lame duck is over.
    pub(crate) closing: Instant,
    /// What is in flight is cut.
    pub(crate) stop: Instant,
    /// Tasks and hooks are cut.
    pub(crate) end: Instant,
}

impl Plan {
    pub(crate) fn new(now: Instant, timings: &Timings, lame_duck: Duration) -> Self {
        let closing = now + lame_duck;
        let stop = closing + timings.drain;
        Self { began: now, closing, stop, end: stop + timings.hooks }
    }

    /// The lame duck is over now; the rest keeps its deadlines, and so gets more time.
    pub(crate) fn close(&mut self, now: Instant) {
        self.closing = self.closing.min(now);
    }

    /// All is over within this time, a quarter of which is for tasks and hooks.
    pub(crate) fn rush(&mut self, now: Instant, rush: Duration) {
        self.close(now);
        self.end = self.end.min(now + rush);
        self.stop = self.stop.min(now + rush / 4 * 3).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMINGS: Timings = Timings::kubernetes();

    #[test]
    fn a_part_that_is_cut_short_leaves_its_time_to_the_next() {
        let now = Instant::now();
        let mut plan = Plan::new(now, &TIMINGS, TIMINGS.lame_duck);
        plan.close(now + Duration::from_secs(2));
        assert_eq!(plan.closing, now + Duration::from_secs(2));
        assert_eq!(plan.stop, now + Duration::from_secs(22));
        assert_eq!(plan.end, now + Duration::from_secs(26));
    }

    #[test]
    fn a_rush_is_the_end_within_its_time() {
        let now = Instant::now();
        let mut plan = Plan::new(now, &TIMINGS, TIMINGS.lame_duck);
        plan.rush(now + Duration::from_secs(1), TIMINGS.rush);
        assert_eq!(plan.stop, now + Duration::from_millis(2_500));
        assert_eq!(plan.end, now + Duration::from_secs(3));
    }

    proptest! {
        /// Whatever is asked for in whatever order, the deadlines stay in order and only shrink.
        #[test]
        fn deadlines_stay_in_order(steps in prop::collection::vec((any::<bool>(), 0u64..10_000), 0..8)) {
            let start = Instant::now();
            let mut plan = Plan::new(start, &TIMINGS, TIMINGS.lame_duck);
            let mut now = start;
            for (rush, later) in steps {
                let before = plan;
                now += Duration::from_millis(later);
                if rush { plan.rush(now, TIMINGS.rush) } else { plan.close(now) }
                prop_assert!(plan.closing <= before.closing);
                prop_assert!(plan.stop <= before.stop && plan.end <= before.end);
                prop_assert!(plan.stop <= plan.end);
                prop_assert!(plan.end <= start + TIMINGS.total());
            }
        }
    }
}
