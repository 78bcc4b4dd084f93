//! Health in words: text, JSON and `application/health+json`.

mod draft;
mod json;
mod text;
mod time;

use bytes::Bytes;

use super::{CheckReport, Detail, Status, accept::Format, handle::About};

/// What there is to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    pub(super) status: Status,
    /// Empty where the caller is told nothing of them.
    pub(super) checks: &'a [CheckReport],
    pub(super) detail: Detail,
    pub(super) about: &'a About,
}

impl Page<'_> {
    pub(super) fn render(&self, format: Format) -> Bytes {
        match format {
            Format::Text => text::render(self),
            Format::Json => json::render(self).into(),
            Format::Draft => draft::render(self).into(),
        }
    }
}
