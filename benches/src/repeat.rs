use std::{fmt, hint::black_box};

/// Something that can be done any number of times.
pub struct Repeat(Box<dyn FnMut(u64)>);

impl Repeat {
    /// Repeats an operation. The loop is compiled for this operation, so that the call through the
    /// box is paid once for all of its turns.
    pub fn of<T>(mut operation: impl FnMut() -> T + 'static) -> Self {
        Self(Box::new(move |times| {
            for _ in 0..times {
                black_box(operation());
            }
        }))
    }

    /// Repeats the same inside of something that is set up once for all turns.
    #[must_use]
    pub fn within(self, scope: impl Fn(&mut dyn FnMut()) + 'static) -> Self {
        let Self(mut run) = self;
        Self(Box::new(move |times| scope(&mut || run(times))))
    }

    /// Repeats nothing: the baseline of mere operations.
    pub(crate) fn nothing() -> Self {
        Self::of(|| ())
    }

    /// Does it so many times, which a case may need to have behind it when it is measured.
    #[inline(never)]
    pub fn run(&mut self, times: u64) {
        (self.0)(times);
    }
}

impl fmt::Debug for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeat(..)")
    }
}
