//! Rise and fall: a check is believed when it says the same thing often enough.

/// Where a check stands after what it said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not passed once.
    Pending,
    Up,
    Down,
}

/// Turns results into a standing.
///
/// The first pass counts at once, so that an instance starts quickly. From then on it takes `fall`
/// failures in a row to go down, and `rise` passes in a row to come back.
#[derive(Clone, Debug)]
pub(super) struct Damper {
    rise: u32,
    fall: u32,
    standing: Standing,
    /// How many results in a row speak against the standing.
    against: u32,
}

impl Damper {
    pub(super) const fn new(rise: u32, fall: u32) -> Self {
        Self { rise, fall, standing: Standing::Pending, against: 0 }
    }

    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes one result, and says where the check stands now.
    pub(super) fn note(&mut self, passed: bool) -> Standing {
        let (agrees, needed, other) = match self.standing {
            Standing::Pending => (!passed, 1, Standing::Up),
            Standing::Up => (passed, self.fall, Standing::Down),
            Standing::Down => (!passed, self.rise, Standing::Up),
        };
        self.against = if agrees { 0 } else { self.against + 1 };
        if self.against >= needed {
            self.against = 0;
            self.standing = other;
        }
        self.standing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules read off the whole history, from its end.
    fn reference(rise: usize, fall: usize, history: &[bool]) -> Standing {
        let Some(first) = history.iter().position(|passed| *passed) else {
            return Standing::Pending;
        };
        let since = &history[first..];
        let runs = |value: bool, length: usize| {
            (length..=since.len())
                .rfind(|end| since[end - length..*end].iter().all(|v| *v == value))
        };
        // The last run that was long enough to say something decides; the first pass says up.
        match (runs(false, fall), runs(true, rise)) {
            (Some(down), Some(up)) if up > down => Standing::Up,
            (Some(_), _) => Standing::Down,
            (None, _) => Standing::Up,
        }
    }

    proptest! {
        #[test]
        fn the_damper_is_what_its_history_says(
            rise in 1_u32..5,
            fall in 1_u32..5,
            history in prop::collection::vec(prop::bool::weighted(0.6), 0..200),
        ) {
            let mut damper = Damper::new(rise, fall);
            for end in 1..=history.len() {
                let standing = damper.note(history[end - 1]);
                let expected = reference(rise as usize, fall as usize, &history[..end]);
                prop_assert_eq!(standing, expected, "after {:?}", &history[..end]);
            }
        }

        #[test]
        fn what_flaps_faster_than_fall_stays_up(
            fall in 2_u32..6,
            rounds in prop::collection::vec(1_u32..6, 1..100),
        ) {
            let mut damper = Damper::new(2, fall);
            damper.note(true);
            for failures in rounds {
                for _ in 0..failures.min(fall - 1) {
                    prop_assert_eq!(damper.note(false), Standing::Up);
                }
                prop_assert_eq!(damper.note(true), Standing::Up);
            }
        }
    }

    #[test]
    fn the_first_pass_counts_at_once_and_a_failure_before_it_does_not() {
        let mut damper = Damper::new(3, 1);
        for _ in 0..10 {
            assert_eq!(damper.note(false), Standing::Pending);
        }
        assert_eq!(damper.note(true), Standing::Up);
        assert_eq!(damper.note(false), Standing::Down);
        assert_eq!(damper.note(true), Standing::Down);
    }
}
