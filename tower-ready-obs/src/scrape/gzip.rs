use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// Compresses page by page.
pub(super) struct Gzip(Option<GzEncoder<Vec<u8>>>);

impl Gzip {
    pub(super) fn new() -> Self {
        Self(Some(GzEncoder::new(Vec::new(), Compression::fast())))
    }

    /// What is ready after this page; nothing comes after the last one.
    pub(super) fn page(&mut self, page: &[u8], is_last: bool) -> Vec<u8> {
        let Some(encoder) = &mut self.0 else {
            return Vec::new();
        };
        // Writing to memory does not fail.
        let _ = encoder.write_all(page);
        if is_last {
            self.0.take().and_then(|encoder| encoder.finish().ok()).unwrap_or_default()
        } else {
            std::mem::take(encoder.get_mut())
        }
    }
}
