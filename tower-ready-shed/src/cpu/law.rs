//! Which share to turn away, by how busy the processors are.

/// Goes up by how far the bound is passed, and down as far as there is room: so that it settles
/// where the processors are as busy as they may be.
pub(super) struct Law {
    most: f64,
    share: f64,
}

/// Never all: else nobody would notice that it has got better.
const LARGEST: f64 = 0.95;

/// How much of what is too much is answered at a time.
const GAIN: f64 = 0.5;

/// What is given back at a time at most: a service that begins to breathe is not run over.
const STEP_BACK: f64 = 0.1;

impl Law {
    pub(super) const fn new(most: f64) -> Self {
        Self { most, share: 0.0 }
    }

    pub(super) const fn forget(&mut self) {
        self.share = 0.0;
    }

    pub(super) fn share(&mut self, usage: f64) -> f64 {
        let off = (usage.clamp(0.0, 1.0) - self.most) / self.most;
        // Of what passes now, this part is too much.
        let step = GAIN * off * (1.0 - self.share);
        // Close to the bound a full processor is only a little too busy.
        let step = if usage >= 0.99 { step.max(0.05) } else { step };
        self.share = (self.share + step.max(-STEP_BACK)).clamp(0.0, LARGEST);
        if self.share < 0.005 {
            self.share = 0.0;
        }
        self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which all that comes would need so many times what there is; after so many
    /// measurements, what is turned away and how busy it is.
    fn settle(law: &mut Law, load: f64, measurements: usize) -> (f64, f64) {
        let (mut share, mut usage) = (law.share, 0.0);
        for _ in 0..measurements {
            usage = (load * (1.0 - share)).min(1.0);
            share = law.share(usage);
        }
        (share, usage)
    }

    #[test]
    fn it_settles_where_the_processors_are_as_busy_as_they_may_be() {
        for (load, expected) in [(0.5, 0.0), (0.89, 0.0), (1.0, 0.1), (2.0, 0.55), (5.0, 0.82)] {
            let (share, usage) = settle(&mut Law::new(0.9), load, 200);
            assert!((share - expected).abs() < 0.03, "{load}: {share}");
            assert!(usage <= 0.95, "{load}: {usage}");
        }
    }

    #[test]
    fn a_burst_is_answered_within_seconds_and_forgotten_within_seconds() {
        let mut law = Law::new(0.9);
        // Four measurements a second.
        let (_, usage) = settle(&mut law, 2.0, 4 * 5);
        assert!(usage < 0.97, "{usage}");
        let (share, _) = settle(&mut law, 0.5, 4 * 5);
        assert!(share == 0.0, "{share}");
    }

    #[test]
    fn some_always_pass() {
        let (share, _) = settle(&mut Law::new(0.5), 1_000.0, 1_000);
        assert!(share <= LARGEST);
        let mut law = Law::new(0.9);
        for nonsense in [f64::INFINITY, -1.0, 7.0] {
            assert!((0.0..=LARGEST).contains(&law.share(nonsense)));
        }
    }
}
