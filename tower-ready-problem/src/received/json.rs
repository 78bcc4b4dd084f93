use std::{error::Error, fmt};

use http::StatusCode;
use serde_json::{Map, Value as Json};

use super::{Fault, ProblemDetails};
use crate::{JsonText, Value};

/// A text that is no JSON object.
#[derive(Debug)]
pub struct ReadError(serde_json::Error);

impl ProblemDetails {
    /// The problem that a JSON text holds.
    ///
    /// By RFC 9457 §3.1, one of the standard's members that has another type than it should counts
    /// as absent. An extension member that has is kept as it is in `members`, with all the others.
    ///
    /// # Errors
    ///
    /// When the text is no JSON object.
    pub fn from_json(json: &[u8]) -> Result<Self, ReadError> {
        let mut members: Map<String, Json> = serde_json::from_slice(json).map_err(ReadError)?;
        let mut problem = Self::new();
        let mut standard = |name| match members.remove(name) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        };
        if let Some(uri) = standard("type") {
            problem.type_uri = uri;
        }
        problem.title = standard("title");
        problem.detail = standard("detail");
        problem.instance = standard("instance");
        problem.status = members.remove("status").as_ref().and_then(status);

        problem.code = take(&mut members, "code", text);
        problem.request_id = take(&mut members, "request_id", text);
        problem.trace_id = take(&mut members, "trace_id", text);
        problem.error_id = take(&mut members, "error_id", text);
        problem.errors =
            take(&mut members, "errors", |errors| list(errors, fault)).unwrap_or_default();
        problem.violated_policies =
            take(&mut members, "violated-policies", |names| list(names, text)).unwrap_or_default();
        let others = members.into_iter().take(Self::MAX_ITEMS);
        problem.members = others.map(|(name, json)| (name, value(json))).collect();
        Ok(problem)
    }
}

/// Takes an extension member, unless it is none of what we know under its name.
fn take<T>(
    members: &mut Map<String, Json>,
    name: &str,
    read: impl FnOnce(&Json) -> Option<T>,
) -> Option<T> {
    let read = read(members.get(name)?)?;
    members.remove(name);
    Some(read)
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn status(json: &Json) -> Option<StatusCode> {
    let number = json.as_u64().and_then(|number| u16::try_from(number).ok())?;
    StatusCode::from_u16(number).ok().filter(|_| number < 600)
}

/// A list, all of whose entries are what they should be.
fn list<T>(json: &Json, read: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    let entries = json.as_array()?.iter().take(ProblemDetails::MAX_ITEMS);
    entries.map(read).collect()
}

fn fault(json: &Json) -> Option<Fault> {
    let pointer = json.get("pointer").map_or(Some(""), Json::as_str)?;
    // RFC 6901 §6: in a fragment, a pointer is percent-encoded.
    let pointer = match pointer.strip_prefix('#') {
        Some(fragment) => percent_decoded(fragment),
        None => pointer.to_owned(),
    };
    let detail = json.get("detail")?.as_str()?.to_owned();
    Some(Fault { pointer, detail })
}

/// What is no escape, or no text, stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escape = tail.split_at_checked(2).filter(|_| *byte == b'%');
        let digits = escape.and_then(|(digits, _)| str::from_utf8(digits).ok());
        let escaped = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn value(json: Json) -> Value {
    match json {
        Json::String(text) => Value::from(text),
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Value::Unsigned(number),
            (_, Some(number), _) => Value::Integer(number),
            (.., number) => Value::Number(number.unwrap_or(f64::NAN)),
        },
        other => Value::Json(JsonText(other.to_string().into())),
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is no JSON object")
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
