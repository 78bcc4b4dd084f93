use std::fmt::Write as _;

use super::{Page, json::member, time::Rfc3339};
use crate::health::{CheckReport, Detail};

/// draft-inadarei-api-health-check-05 §3 and §4: the name of a check is `component:measurement`,
/// its value a list.
pub(super) fn render(page: &Page<'_>) -> String {
    let mut json = format!("{{\"status\":\"{}\"", page.status);
    if page.detail >= Detail::Names {
        let about = page.about;
        for (name, text) in [
            ("version", &about.version),
            ("releaseId", &about.release),
            ("serviceId", &about.service_id),
        ] {
            if let Some(text) = text {
                member(&mut json, name, text);
            }
        }
    }
    if !page.checks.is_empty() {
        json.push_str(",\"checks\":{");
        for (n, check) in page.checks.iter().enumerate() {
            if n > 0 {
                json.push(',');
            }
            one(&mut json, check, page.detail == Detail::Full);
        }
        json.push('}');
    }
    json.push_str("}\n");
    json
}

fn one(json: &mut String, check: &CheckReport, is_full: bool) {
    let (name, status) = (&check.name, check.status);
    let took = check.took.filter(|_| is_full);
    // What was not measured has no measurement in its name.
    let measured = if took.is_some() { ":responseTime" } else { "" };
    let _ = write!(json, "\"{name}{measured}\":[{{\"status\":\"{status}\"");
    if let Some(took) = took {
        let millis = took.as_millis();
        let _ = write!(json, ",\"observedValue\":{millis},\"observedUnit\":\"ms\"");
    }
    if is_full {
        if let Some(at) = check.at {
            let _ = write!(json, ",\"time\":\"{}\"", Rfc3339(at));
        }
        if let Some(error) = &check.error {
            member(json, "output", error);
        }
    }
    json.push_str("}]");
}
