use std::{error::Error, fmt, time::Duration};

use http::StatusCode;
use tower_ready_core::grpc::Code;

use crate::{Problem, ProblemType, Value};

/// A problem that somebody sent: what a client knows of it, whatever the protocol.
///
/// It comes from the answer of a service over HTTP or from a text, under the feature `serde`, or from
/// a gRPC status, under the feature `tonic`. It is an error, so it can be a
/// [source](Problem::source), go through `?`, and be [mapped](crate::ProblemsBuilder::map) to a
/// problem of ours.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProblemDetails {
    /// The `type`: a URI reference, relative to that of the request. `about:blank` where none was
    /// sent, and over gRPC, which has no place for it.
    pub type_uri: String,
    /// The title of the type. Over gRPC there is but one text, the `detail`.
    pub title: Option<String>,
    /// The HTTP status that the sender meant; for a gRPC status the one that its code stands for.
    pub status: Option<StatusCode>,
    /// The code of a gRPC status.
    pub grpc_code: Option<Code>,
    /// What is particular to this occurrence. For people: programs look at `code`.
    pub detail: Option<String>,
    /// Which occurrence it is: a URI reference.
    pub instance: Option<String>,
    /// The machine code: the `code` member, or the reason of gRPC's `ErrorInfo`.
    pub code: Option<String>,
    /// Whose machine code it is: the domain of gRPC's `ErrorInfo`.
    pub domain: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The id of the trace.
    pub trace_id: Option<String>,
    /// The id under which the sender's log has what it did not send.
    pub error_id: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Faults in the content of the request.
    pub errors: Vec<Fault>,
    /// The quota policies that were violated.
    pub violated_policies: Vec<String>,
    /// Every other member by its name; over gRPC the metadata of `ErrorInfo`.
    pub members: Vec<(String, Value)>,
}

/// A fault at one place of a request's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The place: a JSON pointer such as `/item`, or what else the sender calls a field.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl ProblemDetails {
    /// The most faults, policies and members that are kept of what was sent.
    pub const MAX_ITEMS: usize = 1_024;

    pub(super) fn new() -> Self {
        Self {
            type_uri: "about:blank".to_owned(),
            title: None,
            status: None,
            grpc_code: None,
            detail: None,
            instance: None,
            code: None,
            domain: None,
            request_id: None,
            trace_id: None,
            error_id: None,
            retry_after: None,
            errors: Vec::new(),
            violated_policies: Vec::new(),
            members: Vec::new(),
        }
    }

    /// Whether it is an occurrence of this type: by the URI of a type that has a registered one,
    /// else, or as well, by the machine code.
    ///
    /// Codes are unique within one service, so ask for types of the service that answered.
    #[must_use]
    pub fn is(&self, kind: &ProblemType) -> bool {
        kind.registered_uri() == Some(&*self.type_uri)
            || self.code.as_deref() == Some(kind.reason())
    }

    /// The value of a member that no field holds.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        let member = self.members.iter().find(|member| member.0 == name);
        member.map(|member| &member.1)
    }

    /// A problem of ours that says the same to our own caller, under our own ids.
    ///
    /// Its type is the one of `types` that it [is](Self::is), else `about:blank` with the status
    /// that was received, or 500 if none was. Of a 4xx, all that was received goes on. Of a 5xx
    /// only the type, the time to wait and the violated policies do: the rest may hold internals of
    /// the sender, which are no business of our callers. All of it is the
    /// [source](Problem::source), for the log.
    ///
    /// Mind whose fault it is: a `401` that we got was for us, and not for our caller. Where the
    /// sender is a mere detail of ours, answer with a type of your own:
    /// `Problem::new(&UNAVAILABLE).source(received)`.
    pub fn into_problem(mut self, types: &[&'static ProblemType]) -> Problem {
        let known = types.iter().find(|kind| self.is(kind));
        let mut problem = match (known, self.grpc_code, self.status) {
            (Some(kind), ..) => Problem::new(kind),
            (None, Some(code), _) => Problem::of_code(code),
            (None, None, status) => Problem::status(status.unwrap_or_default()),
        };
        if problem.http_status().is_client_error() {
            if let Some(detail) = self.detail.clone().or_else(|| self.title_of(known.copied())) {
                problem = problem.detail(detail);
            }
            for fault in &self.errors {
                problem = problem.violation(fault.pointer.clone(), fault.detail.clone());
            }
            for (name, value) in std::mem::take(&mut self.members) {
                problem = problem.with(name, value);
            }
        }
        for policy in &self.violated_policies {
            problem = problem.violated_policy(policy.clone());
        }
        if let Some(delay) = self.retry_after {
            problem = problem.retry_after(delay);
        }
        problem.source(self)
    }

    /// The title, where the problem would be without it: one of an unknown type.
    fn title_of(&self, known: Option<&'static ProblemType>) -> Option<String> {
        self.title.clone().filter(|_| known.is_none() && self.type_uri != "about:blank")
    }
}

/// One line for the log. What was sent is cut short, and its control characters are escaped.
impl fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("received")?;
        if let Some(status) = self.status {
            write!(f, " {}", status.as_u16())?;
        }
        let named = [self.code.as_ref(), self.title.as_ref(), self.detail.as_ref()];
        for text in named.into_iter().flatten() {
            write!(f, ": {}", Line(text))?;
        }
        for (name, id) in [("request_id", &self.request_id), ("error_id", &self.error_id)] {
            if let Some(id) = id {
                write!(f, ", {name} {}", Line(id))?;
            }
        }
        Ok(())
    }
}

impl Error for ProblemDetails {}

/// A stranger's text in a line of ours.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0.chars().take(256);
        start.flat_map(char::escape_debug).try_for_each(|letter| fmt::Write::write_char(f, letter))
    }
}
