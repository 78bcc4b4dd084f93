//! `google.rpc.Status` and its standard details, as any server's library writes them.

use std::time::Duration;

use super::{
    Fault, ProblemDetails,
    protobuf::{Fields, Wire},
};
use crate::Value;

/// More than any header holds that a client accepts.
const MAX_STATUS: usize = 1 << 20;

/// Adds what the details of a status say. Unknown ones are ignored.
///
/// The deepest that it goes are four messages: the status, its detail, a list's entry, a field.
pub(super) fn read_into(problem: &mut ProblemDetails, status: &[u8]) {
    let status = &status[..status.len().min(MAX_STATUS)];
    for (number, value) in Fields::of(status) {
        if let (3, Some(any)) = (number, value.message()) {
            detail(problem, any);
        }
    }
}

/// One `google.protobuf.Any`.
fn detail(problem: &mut ProblemDetails, any: Fields<'_>) {
    let (mut url, mut message) = ("", Fields::of(&[]));
    for (number, value) in any {
        match number {
            1 => url = value.text().unwrap_or_default(),
            2 => message = value.message().unwrap_or(message),
            _ => {}
        }
    }
    // Whatever host serves the description of the type.
    let name = url.rsplit('/').next().unwrap_or_default();
    match name.strip_prefix("google.rpc.") {
        Some("ErrorInfo") => error_info(problem, message),
        Some("RetryInfo") => problem.retry_after = retry_delay(message).or(problem.retry_after),
        Some("RequestInfo") => {
            for (number, value) in message {
                set(&mut problem.request_id, number == 1, value);
            }
        }
        Some("BadRequest") => each_pair(message, |field, description| {
            push(&mut problem.errors, || Fault {
                pointer: field.to_owned(),
                detail: description.to_owned(),
            });
        }),
        Some("QuotaFailure") => each_pair(message, |subject, _| {
            push(&mut problem.violated_policies, || subject.to_owned());
        }),
        _ => {}
    }
}

fn error_info(problem: &mut ProblemDetails, message: Fields<'_>) {
    for (number, value) in message {
        match number {
            1 => set(&mut problem.code, true, value),
            2 => set(&mut problem.domain, true, value),
            _ => {}
        }
    }
    // A map is a list of pairs.
    for (number, value) in message {
        let Some(entry) = value.message().filter(|_| number == 3) else {
            continue;
        };
        let (name, value) = pair(entry);
        match name {
            "error_id" => problem.error_id = Some(value.to_owned()),
            "trace_id" => problem.trace_id = Some(value.to_owned()),
            _ => push(&mut problem.members, || (name.to_owned(), Value::from(value.to_owned()))),
        }
    }
}

/// The `google.protobuf.Duration` of a `RetryInfo`. A negative one is none.
fn retry_delay(message: Fields<'_>) -> Option<Duration> {
    let duration =
        message.filter(|(number, _)| *number == 1).find_map(|(_, value)| value.message())?;
    let (mut seconds, mut nanos) = (0, 0);
    for (number, value) in duration {
        match (number, value.number()) {
            (1, Some(number)) => seconds = i64::from_ne_bytes(number.to_ne_bytes()),
            (2, Some(number)) => nanos = i64::from_ne_bytes(number.to_ne_bytes()),
            _ => {}
        }
    }
    let seconds = Duration::from_secs(u64::try_from(seconds).ok()?);
    seconds.checked_add(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

/// The entries of a message whose first field is a list of pairs of texts.
fn each_pair(message: Fields<'_>, mut each: impl FnMut(&str, &str)) {
    for (number, value) in message {
        if let (1, Some(entry)) = (number, value.message()) {
            let (first, second) = pair(entry);
            each(first, second);
        }
    }
}

fn pair(entry: Fields<'_>) -> (&str, &str) {
    let (mut first, mut second) = ("", "");
    for (number, value) in entry {
        match number {
            1 => first = value.text().unwrap_or(first),
            2 => second = value.text().unwrap_or(second),
            _ => {}
        }
    }
    (first, second)
}

fn set(place: &mut Option<String>, is_it: bool, value: Wire<'_>) {
    if let Some(text) = value.text().filter(|text| is_it && !text.is_empty()) {
        *place = Some(text.to_owned());
    }
}

/// Two bytes can be an entry, so what they grow into is bounded.
fn push<T>(list: &mut Vec<T>, item: impl FnOnce() -> T) {
    if list.len() < ProblemDetails::MAX_ITEMS {
        list.push(item());
    }
}
