//! `google.rpc.Status` and the standard details (AIP-193), by hand: no code generator, and a third
//! of the time.

use std::time::Duration;

use super::{
    Context, grpc,
    protobuf::{message, string, varint},
    truncated,
};
use crate::{Problem, Value, problem::Kind};

/// All headers of an answer share the 8 KiB that cautious clients allow, and base64 makes four bytes
/// of three. Each list may fill the whole up to a mark, so that what comes after it still fits.
const MAX_STATUS: usize = 3 * 1024;
const MAX_METADATA: usize = MAX_STATUS / 2;
const MAX_POLICIES: usize = MAX_STATUS * 5 / 8;
const MAX_VIOLATIONS: usize = MAX_STATUS * 7 / 8;
const MAX_TEXT: usize = 512;

/// Writes a `google.rpc.Status`.
pub(super) fn status(buffer: &mut Vec<u8>, problem: &Problem, context: &Context<'_>) {
    varint(buffer, 1, problem.0.code as u64);
    string(buffer, 2, grpc::message(problem));
    each(problem, context, |name, write| {
        within(MAX_STATUS, buffer, |buffer| {
            message(buffer, 3, |any| {
                message(any, 1, |url| {
                    url.extend_from_slice(b"type.googleapis.com/google.rpc.");
                    url.extend_from_slice(name.as_bytes());
                });
                message(any, 2, write);
            });
        });
    });
}

/// Calls back with the name of each detail that applies, and a function that writes it. Each kind
/// comes at most once.
pub(super) fn each(
    problem: &Problem,
    context: &Context<'_>,
    mut detail: impl FnMut(&str, &mut dyn FnMut(&mut Vec<u8>)),
) {
    let inner = &*problem.0;
    detail("ErrorInfo", &mut |buffer| {
        error_info(buffer, problem, context);
    });
    if let Some(delay) = inner.retry_after {
        detail("RetryInfo", &mut |buffer| {
            message(buffer, 1, |buffer| duration(buffer, delay));
        });
    }
    if let Some(id) = context.request_id {
        detail("RequestInfo", &mut |buffer| string(buffer, 1, id.as_str()));
    }
    if !inner.violated_policies.is_empty() {
        detail("QuotaFailure", &mut |buffer| {
            for policy in &inner.violated_policies {
                within(MAX_POLICIES, buffer, |buffer| {
                    message(buffer, 1, |violation| {
                        string(violation, 1, truncated(policy, MAX_TEXT));
                        string(violation, 2, problem.title());
                    });
                });
            }
        });
    }
    if !inner.violations.is_empty() {
        detail("BadRequest", &mut |buffer| {
            for violation in &inner.violations {
                within(MAX_VIOLATIONS, buffer, |buffer| {
                    message(buffer, 1, |field| {
                        string(field, 1, truncated(&violation.pointer, MAX_TEXT));
                        string(field, 2, truncated(&violation.detail, MAX_TEXT));
                    });
                });
            }
        });
    }
    if let Kind::Named(kind) = inner.kind {
        let uri = kind.registered_uri();
        let base = context.base;
        // A link must be absolute.
        if uri.is_some() || base.contains("://") {
            detail("Help", &mut |buffer| {
                message(buffer, 1, |link| {
                    string(link, 1, kind.title());
                    message(link, 2, |url| match uri {
                        Some(uri) => url.extend_from_slice(uri.as_bytes()),
                        None => {
                            url.extend_from_slice(base.as_bytes());
                            url.extend_from_slice(kind.name().as_bytes());
                        }
                    });
                });
            });
        }
    }
}

/// Writes, unless the whole then goes beyond the mark.
fn within(max: usize, buffer: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    write(buffer);
    if buffer.len() > max {
        buffer.truncate(start);
    }
}

fn error_info(buffer: &mut Vec<u8>, problem: &Problem, context: &Context<'_>) {
    string(buffer, 1, &problem.reason());
    string(buffer, 2, context.domain);
    let mut entry = |key: &str, value: &str| {
        within(MAX_METADATA, buffer, |buffer| {
            message(buffer, 3, |entry| {
                string(entry, 1, key);
                string(entry, 2, truncated(value, MAX_TEXT));
            });
        });
    };
    if let Some(id) = context.error_id {
        entry("error_id", id.as_str());
    }
    if let Some(id) = context.trace_id {
        entry("trace_id", id.encode(&mut [0; 32]));
    }
    for (name, value) in &problem.0.members {
        if name.starts_with(|first: char| first.is_ascii_lowercase()) {
            match value {
                Value::Text(text) => entry(name, text),
                Value::Integer(number) => entry(name, &number.to_string()),
                Value::Unsigned(number) => entry(name, &number.to_string()),
                Value::Number(number) => entry(name, &number.to_string()),
                Value::Bool(value) => entry(name, if *value { "true" } else { "false" }),
                #[cfg(feature = "serde")]
                Value::Json(json) => entry(name, &json.0),
            }
        }
    }
}

/// `google.protobuf.Duration` ends at ten thousand years; readers refuse what is longer.
fn duration(buffer: &mut Vec<u8>, delay: Duration) {
    const LONGEST: Duration = Duration::from_secs(315_576_000_000);
    let delay = delay.min(LONGEST);
    varint(buffer, 1, delay.as_secs());
    varint(buffer, 2, delay.subsec_nanos().into());
}
