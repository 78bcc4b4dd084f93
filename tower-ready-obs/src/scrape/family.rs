use std::borrow::Cow;

use super::Sink;

/// Series of one name.
///
/// They are visited by number, so that an exposition can pause after any of them: it goes out in
/// pages, and takes no more memory for many series than for few.
pub(crate) trait Family: Send + Sync {
    fn descriptor(&self) -> &Descriptor;

    /// How many numbers there are to visit; not each need stand for a series.
    fn len(&self) -> usize;

    /// Tells of the series with this number, if there is one.
    fn visit(&self, number: usize, sink: &mut dyn Sink);
}

/// What is told of a family.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    /// Without the `_total` of a counter and the `_info` of an info.
    pub(crate) name: Cow<'static, str>,
    pub(crate) help: Cow<'static, str>,
    pub(crate) kind: FamilyKind,
    /// The name ends with it.
    pub(crate) unit: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Descriptor {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        kind: FamilyKind,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        let name = name.into();
        let units = ["seconds", "bytes"];
        let ends = |unit: &&str| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        let unit = units.into_iter().find(ends);
        Self { name, help: help.into(), kind, unit }
    }

    /// What a sample of it is called.
    pub(crate) fn sample_suffix(&self) -> &'static str {
        match self.kind {
            FamilyKind::Counter => "_total",
            FamilyKind::Info => "_info",
            FamilyKind::Gauge | FamilyKind::Histogram => "",
        }
    }
}
