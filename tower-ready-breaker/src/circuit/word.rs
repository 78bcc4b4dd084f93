//! The state of a circuit in one word, so that one load decides and one exchange changes it.

use std::fmt;

/// Generation, successes of probes, slots taken by probes, phase: 32, 8, 16 and 8 bits.
///
/// Each change of phase begins a generation. Who was let through in one tells its outcome to that
/// one alone: a call that outlives its generation says nothing about the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// All pass.
    Closed,
    /// A growing share passes.
    Recovering,
    /// None pass, until a moment.
    Open,
    /// A few pass, to find out.
    HalfOpen,
    /// None pass, until somebody says otherwise.
    ForcedOpen,
    /// All pass, whatever becomes of them.
    Disabled,
    /// All pass, and it is only said when they would not.
    Watching,
    /// A share passes that follows the rate of success.
    Throttling,
}

/// The most probes at a time: one bit of the word for each.
pub(crate) const MAX_PROBES: u32 = 16;

const SLOTS: u32 = 8;
const SUCCESSES: u32 = 24;
const GENERATION: u32 = 32;

impl Word {
    pub(crate) const fn new(phase: Phase, generation: u32) -> Self {
        Self((generation as u64) << GENERATION | phase as u64)
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn phase(self) -> Phase {
        match self.0 as u8 {
            0 => Phase::Closed,
            1 => Phase::Recovering,
            2 => Phase::Open,
            3 => Phase::HalfOpen,
            4 => Phase::ForcedOpen,
            5 => Phase::Disabled,
            6 => Phase::Watching,
            _ => Phase::Throttling,
        }
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32
    }

    /// The phase that follows, in a generation of its own.
    pub(crate) const fn next(self, phase: Phase) -> Self {
        Self::new(phase, self.generation().wrapping_add(1))
    }

    /// The slots that probes have taken, one bit each.
    pub(crate) const fn slots(self) -> u16 {
        (self.0 >> SLOTS) as u16
    }

    pub(crate) const fn successes(self) -> u8 {
        (self.0 >> SUCCESSES) as u8
    }

    /// The first slot that nobody has taken, of so many.
    pub(crate) const fn free_slot(self, probes: u32) -> Option<u32> {
        let slot = (!self.slots()).trailing_zeros();
        if slot < probes { Some(slot) } else { None }
    }

    pub(crate) const fn with_slot(self, slot: u32) -> Self {
        Self(self.0 | 1 << (SLOTS + slot))
    }

    pub(crate) const fn without_slot(self, slot: u32) -> Self {
        Self(self.0 & !(1 << (SLOTS + slot)))
    }

    pub(crate) const fn with_success(self) -> Self {
        if self.successes() == u8::MAX { self } else { Self(self.0 + (1 << SUCCESSES)) }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Word")
            .field("phase", &self.phase())
            .field("generation", &self.generation())
            .field("slots", &format_args!("{:#b}", self.slots()))
            .field("successes", &self.successes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_word_leave_each_other_alone() {
        let mut word = Word::new(Phase::HalfOpen, u32::MAX);
        for slot in 0..MAX_PROBES {
            assert_eq!(word.free_slot(MAX_PROBES), Some(slot));
            word = word.with_slot(slot);
        }
        assert_eq!(word.free_slot(MAX_PROBES), None);
        for _ in 0..300 {
            word = word.with_success();
        }
        assert_eq!((word.successes(), word.slots()), (u8::MAX, u16::MAX));
        word = word.without_slot(3);
        assert_eq!(word.free_slot(MAX_PROBES), Some(3));
        assert_eq!(word.free_slot(3), None);
        assert_eq!((word.phase(), word.generation()), (Phase::HalfOpen, u32::MAX));

        let next = word.next(Phase::Closed);
        assert_eq!(next, Word::new(Phase::Closed, 0));
    }
}
