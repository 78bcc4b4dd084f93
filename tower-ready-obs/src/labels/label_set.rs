use std::fmt;

use super::Attribute;

/// The labels of a series, with the text that they make in an exposition.
pub struct LabelSet {
    pairs: Box<[(Attribute, Box<str>)]>,
    text: Box<str>,
}

/// Puts a set together.
#[derive(Debug, Default)]
pub(crate) struct Labels(Vec<(Attribute, Box<str>)>);

impl LabelSet {
    /// No label at all.
    pub(crate) fn none() -> Self {
        Labels::default().into_set()
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        self.pairs.iter().map(|(attribute, value)| (*attribute, &**value))
    }

    /// As both text formats write it, without braces: `a="b",c="d"`.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Labels {
    pub(crate) fn and(mut self, attribute: Attribute, value: impl Into<Box<str>>) -> Self {
        self.0.push((attribute, value.into()));
        self
    }

    pub(crate) fn and_some(self, attribute: Attribute, value: Option<impl Into<Box<str>>>) -> Self {
        match value {
            Some(value) => self.and(attribute, value),
            None => self,
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn into_set(self) -> LabelSet {
        let mut text = String::new();
        for (attribute, value) in &self.0 {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(attribute.prometheus());
            text.push_str("=\"");
            escape(value, &mut text);
            text.push('"');
        }
        LabelSet { pairs: self.0.into(), text: text.into() }
    }
}

/// Both text formats escape these three in the value of a label, and nothing else.
pub(crate) fn escape(value: &str, text: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            char => text.push(char),
        }
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LabelSet({})", self.text)
    }
}
