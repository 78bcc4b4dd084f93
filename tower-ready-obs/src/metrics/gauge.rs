//! Numbers of others, which are asked for when somebody scrapes.

use crate::{
    labels::LabelSet,
    scrape::{Descriptor, Family, FamilyKind, Number, Sink},
};

/// A number that a closure knows.
pub(crate) struct Pulled {
    descriptor: Descriptor,
    labels: LabelSet,
    read: Box<dyn Fn() -> Number + Send + Sync>,
}

impl Pulled {
    pub(crate) fn new(
        descriptor: Descriptor,
        labels: LabelSet,
        read: impl Fn() -> Number + Send + Sync + 'static,
    ) -> Self {
        Self { descriptor, labels, read: Box::new(read) }
    }
}

impl Family for Pulled {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn len(&self) -> usize {
        1
    }

    fn visit(&self, _: usize, sink: &mut dyn Sink) {
        sink.number(&self.descriptor, &self.labels, (self.read)());
    }
}

/// Whether Prometheus reads a name, and it is not one of those that end as samples do.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    let ends = ["_total", "_info", "_bucket", "_sum", "_count", "_created"];
    bytes.next().is_some_and(is_first)
        && bytes.all(|byte| is_first(byte) || byte.is_ascii_digit())
        && !ends.iter().any(|end| name.ends_with(end))
}

/// A family of this kind with one number.
pub(crate) fn pulled(
    name: impl Into<std::borrow::Cow<'static, str>>,
    kind: FamilyKind,
    help: impl Into<std::borrow::Cow<'static, str>>,
    read: impl Fn() -> Number + Send + Sync + 'static,
) -> Pulled {
    Pulled::new(Descriptor::new(name, kind, help), LabelSet::none(), read)
}
