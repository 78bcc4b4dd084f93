//! One captured event.

use std::fmt;

use tracing::{
    Level,
    field::{Field, Visit},
};

/// An event, with the spans it happened in.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) fields: Fields,
    pub(super) spans: Vec<Span>,
}

/// One span around an event.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) fields: Fields,
}

/// Names and values in the order in which they were recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, String)>);

// === impl Event ===

impl Event {
    /// Its level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Its target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Its text; empty when it has only fields.
    #[must_use]
    pub fn message(&self) -> &str {
        self.fields.get("message").unwrap_or_default()
    }

    /// The value of a field: of the event, else of the nearest span that has it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let spans = self.spans.iter().rev().map(|span| &span.fields);
        std::iter::once(&self.fields).chain(spans).find_map(|fields| fields.get(name))
    }

    /// The names of the spans around it, outermost first.
    pub fn spans(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|span| span.name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:", self.level, self.target)?;
        for Span { name, fields } in &self.spans {
            write!(f, " {name}{{{fields} }}")?;
        }
        if !self.message().is_empty() {
            write!(f, " {}", self.message())?;
        }
        write!(f, "{}", self.fields)
    }
}

// === impl Fields ===

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    fn set(&mut self, field: &Field, value: String) {
        // A span may record a field that it left open, or correct one.
        match self.0.iter_mut().find(|(known, _)| *known == field.name()) {
            Some((_, old)) => *old = value,
            None => self.0.push((field.name(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.iter().filter(|(name, _)| *name != "message");
        fields.into_iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
