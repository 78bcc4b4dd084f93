use std::fmt::Write as _;

use bytes::Bytes;

use super::Page;
use crate::health::{Detail, Status};

/// One word, or a line for each check: `name: pass`.
pub(super) fn render(page: &Page<'_>) -> Bytes {
    if page.checks.is_empty() {
        return Bytes::from_static(match page.status {
            Status::Pass => b"pass\n",
            Status::Warn => b"warn\n",
            Status::Fail => b"fail\n",
        });
    }
    let mut text = String::new();
    for check in page.checks {
        let _ = write!(text, "{}: {}", check.name, check.status);
        if let (Detail::Full, Some(error)) = (page.detail, &check.error) {
            let _ = write!(text, " ({error})");
        }
        text.push('\n');
    }
    text.into()
}
