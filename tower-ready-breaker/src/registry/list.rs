//! The list of circuits as JSON.

use super::Listed;

/// An array of objects. Keys may have come from anybody, so all text is escaped.
pub(super) fn json(circuits: &[Listed]) -> String {
    let mut json = String::from("[");
    for (number, circuit) in circuits.iter().enumerate() {
        json.push_str(if number == 0 { "{" } else { ",{" });
        object(&mut json, circuit);
        json.push('}');
    }
    json.push(']');
    json
}

fn object(json: &mut String, circuit: &Listed) {
    let it = &circuit.snapshot;
    string(json, "breaker", &circuit.breaker);
    if let Some(key) = &circuit.key {
        string(json, "key", key);
    }
    string(json, "state", it.state.as_str());
    if let Some(reason) = it.reason {
        string(json, "reason", reason.as_str());
    }
    if let Some(wait) = it.retry_after {
        number(json, "retry_after_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
    for (name, value) in [
        ("generation", it.generation.into()),
        ("window_successes", it.window.successes),
        ("window_failures", it.window.failures),
        ("window_slow", it.window.slow),
        ("successes", it.totals.successes),
        ("failures", it.totals.failures),
        ("slow", it.totals.slow),
        ("rejected", it.rejected),
        ("ignored", it.ignored),
        ("dropped", it.dropped),
        ("rate_limited", it.rate_limited),
        ("stale", it.stale),
    ] {
        number(json, name, value);
    }
}

fn name(json: &mut String, name: &str) {
    if !json.ends_with('{') {
        json.push(',');
    }
    json.push('"');
    json.push_str(name);
    json.push_str("\":");
}

fn number(json: &mut String, of: &str, value: u64) {
    name(json, of);
    json.push_str(&value.to_string());
}

/// RFC 8259 §7.
fn string(json: &mut String, of: &str, value: &str) {
    name(json, of);
    json.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            letter if letter < ' ' => json.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => json.push(letter),
        }
    }
    json.push('"');
}
