use std::fmt::Write as _;

use super::Page;
use crate::health::Detail;

/// `{"status":"pass","checks":[{"name":"database","status":"pass"}]}`
pub(super) fn render(page: &Page<'_>) -> String {
    let mut json = format!("{{\"status\":\"{}\"", page.status);
    if !page.checks.is_empty() {
        json.push_str(",\"checks\":[");
        for (n, check) in page.checks.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let (name, status) = (&check.name, check.status);
            // A name is made of characters that need no escape.
            let _ = write!(json, "{comma}{{\"name\":\"{name}\",\"status\":\"{status}\"");
            if page.detail == Detail::Full {
                let _ = write!(json, ",\"criticality\":\"{}\"", check.criticality.as_str());
                if let Some(took) = check.took {
                    let _ = write!(json, ",\"took_ms\":{}", took.as_millis());
                }
                if let Some(error) = &check.error {
                    member(&mut json, "error", error);
                }
            }
            json.push('}');
        }
        json.push(']');
    }
    json.push_str("}\n");
    json
}

/// A comma, a name and a text that may hold anything.
pub(super) fn member(json: &mut String, name: &str, text: &str) {
    let _ = write!(json, ",\"{name}\":\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}
