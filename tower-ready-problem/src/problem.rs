use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use tower_ready_core::{LocalRejection, grpc::Code, reason_phrase};

use crate::{
    ProblemType, Value,
    few::Few,
    name::{is_extension, screaming},
};

/// One occurrence of a problem, ready to be answered in whatever protocol the caller speaks.
///
/// The pointer-sized handle makes `Result<T, Problem>` cheap to return. What the caller may see is
/// set by [`detail`](Self::detail), [`with`](Self::with) and the like; what only the log may see, by
/// [`internal`](Self::internal) and [`source`](Self::source).
///
/// ```
/// use http::StatusCode;
/// use tower_ready_problem::{Problem, ProblemType};
///
/// static OUT_OF_STOCK: ProblemType =
///     ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");
///
/// fn order(item: &str) -> Result<(), Problem> {
///     Err(Problem::new(&OUT_OF_STOCK)
///         .detail(format!("no {item} is left"))
///         .with("restock_in_days", 3)
///         .internal("shelf K-4711 is empty"))
/// }
///
/// let problem = order("teapot").unwrap_err();
/// assert_eq!(problem.to_json(), br#"{"type":"/problems/out-of-stock","title":"The item is out of stock","status":409,"detail":"no teapot is left","code":"OUT_OF_STOCK","restock_in_days":3}"#.as_slice());
/// ```
#[derive(Clone)]
#[must_use = "a problem does nothing until it is answered"]
pub struct Problem(pub(crate) Box<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) kind: Kind,
    pub(crate) status: StatusCode,
    pub(crate) code: Code,
    pub(crate) detail: Option<Cow<'static, str>>,
    pub(crate) members: Vec<(Cow<'static, str>, Value)>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) violated_policies: Few<Cow<'static, str>>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) is_final: bool,
    pub(crate) headers: Few<(HeaderName, HeaderValue)>,
    pub(crate) local: Option<LocalRejection>,
    pub(crate) internal: Option<Cow<'static, str>>,
    pub(crate) source: Option<Arc<dyn Error + Send + Sync>>,
    /// A `google.rpc.Status` from elsewhere, passed on as it is.
    pub(crate) status_details: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Named(&'static ProblemType),
    /// RFC 9457 §4.2.1, `about:blank`: no more than the status says.
    Blank,
}

/// A fault at one place of the request's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) pointer: Cow<'static, str>,
    pub(crate) detail: Cow<'static, str>,
}

impl Problem {
    /// The most extension members that a problem takes; more are left out.
    pub const MAX_MEMBERS: usize = 64;

    /// The most violations that a problem takes; more are left out.
    pub const MAX_VIOLATIONS: usize = 128;

    /// An occurrence of a type.
    pub fn new(kind: &'static ProblemType) -> Self {
        Self::of(Kind::Named(kind), kind.status(), kind.grpc_code())
    }

    /// A problem of which no more is to say than its status: `about:blank`, with the phrase of
    /// RFC 9110 as its title, and `NOT_FOUND` and the like as its machine code.
    ///
    /// A status below 400 is no problem's, and one from 600 on nobody's (RFC 9110 §15): both are
    /// taken for 500.
    pub fn status(status: StatusCode) -> Self {
        let status = match status.as_u16() {
            400..=599 => status,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::of(Kind::Blank, status, Code::from_http(status))
    }

    /// A problem of which no more is known than its gRPC code.
    ///
    /// An error whose code says that there is none contradicts itself, and is taken for `UNKNOWN`.
    #[cfg(any(feature = "serde", feature = "tonic"))]
    pub(crate) fn of_code(code: Code) -> Self {
        let code = match code {
            Code::Ok => Code::Unknown,
            code => code,
        };
        Self::of(Kind::Blank, code.http_status(), code)
    }

    fn of(kind: Kind, status: StatusCode, code: Code) -> Self {
        Self(Box::new(Inner {
            kind,
            status,
            code,
            detail: None,
            members: Vec::new(),
            violations: Vec::new(),
            violated_policies: Few::new(),
            retry_after: None,
            is_final: false,
            headers: Few::new(),
            local: None,
            internal: None,
            source: None,
            status_details: None,
        }))
    }

    /// What is particular to this occurrence and helps the caller to mend it (RFC 9457 §3.1.4).
    /// Callers see it, so it is no place for the words of a database. Default: none.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// An extension member, in place of an earlier one of the same name.
    ///
    /// Names are letters, digits and `_`, after RFC 9457 §3.2, or also `-` for the members that
    /// drafts name so. A name that is none, or that of a member which problems have anyway, is left
    /// out.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if let Some(member) = self.0.members.iter_mut().find(|member| member.0 == name) {
            member.1 = value.into();
        } else if self.0.members.len() < Self::MAX_MEMBERS && is_extension(&name) {
            self.0.members.push((name, value.into()));
        }
        self
    }

    /// An extension member of any shape. What does not serialize is left out.
    #[cfg(feature = "serde")]
    pub fn with_json(
        self,
        name: impl Into<Cow<'static, str>>,
        value: &impl serde::Serialize,
    ) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => self.with(name, Value::Json(crate::value::JsonText(json.into()))),
            Err(_) => self,
        }
    }

    /// A fault at one place of the request's content: an entry of `errors`, and a field violation
    /// of gRPC's `BadRequest`. The pointer is a JSON pointer (RFC 6901) such as `/item`; over HTTP
    /// it is written as the fragment `#/item`.
    pub fn violation(
        mut self,
        pointer: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        if self.0.violations.len() < Self::MAX_VIOLATIONS {
            self.0.violations.push(Violation { pointer: pointer.into(), detail: detail.into() });
        }
        self
    }

    /// A quota policy that was violated: an entry of `violated-policies`, and a violation of gRPC's
    /// `QuotaFailure`.
    pub fn violated_policy(mut self, policy: impl Into<Cow<'static, str>>) -> Self {
        if self.0.violated_policies.len() < Self::MAX_VIOLATIONS {
            self.0.violated_policies.push(policy.into());
        }
        self
    }

    /// When to try again: `Retry-After` in whole seconds, rounded up; `RetryInfo` and
    /// `grpc-retry-pushback-ms` to the millisecond, rounded up.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self.0.is_final = false;
        self
    }

    /// Trying again is of no use: over gRPC a `grpc-retry-pushback-ms` below zero, which keeps clients
    /// from it (gRPC proposal A6). HTTP has no word for that but the absence of `Retry-After`.
    pub fn never_retry(mut self) -> Self {
        self.0.retry_after = None;
        self.0.is_final = true;
        self
    }

    /// A header of the answer, such as `Allow` or `WWW-Authenticate`, or metadata over gRPC.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Marks the answer as made by a layer of ours, so that nobody charges it to the backend.
    pub fn rejected_by(mut self, local: LocalRejection) -> Self {
        self.0.local = Some(local);
        self
    }

    /// What happened, for the log alone.
    pub fn internal(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.internal = Some(text.into());
        self
    }

    /// The error that caused this, for the log alone.
    pub fn source(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(error.into()));
        self
    }

    /// The type, or none for `about:blank`.
    #[must_use]
    pub fn problem_type(&self) -> Option<&'static ProblemType> {
        match self.0.kind {
            Kind::Named(kind) => Some(kind),
            Kind::Blank => None,
        }
    }

    /// The machine code: `OUT_OF_STOCK`, or `NOT_FOUND` for a mere status.
    #[must_use]
    pub fn reason(&self) -> Cow<'static, str> {
        match self.0.kind {
            Kind::Named(kind) => Cow::Borrowed(kind.reason()),
            Kind::Blank if self.0.code != Code::from_http(self.0.status) => {
                Cow::Borrowed(self.0.code.name())
            }
            Kind::Blank => Cow::Owned(screaming(reason_phrase(self.0.status))),
        }
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self.0.kind {
            Kind::Named(kind) => kind.title(),
            Kind::Blank => reason_phrase(self.0.status),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn http_status(&self) -> StatusCode {
        self.0.status
    }

    /// The gRPC code.
    #[must_use]
    pub fn grpc_code(&self) -> Code {
        self.0.code
    }

    /// Who of us rejected, if one of our layers did.
    #[must_use]
    pub fn local_rejection(&self) -> Option<LocalRejection> {
        self.0.local
    }

    /// What only the log may see: the internal text, then the chain of sources.
    pub(crate) fn internals(&self) -> Option<String> {
        let mut text = self.0.internal.as_deref().unwrap_or_default().to_owned();
        let mut next = self.0.source.as_deref().map(|source| source as &(dyn Error + 'static));
        while let Some(error) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&error.to_string());
            next = error.source();
        }
        (!text.is_empty()).then_some(text)
    }

    /// Whether there is something that only the log may see.
    #[must_use]
    pub fn has_internals(&self) -> bool {
        self.0.internal.is_some() || self.0.source.is_some()
    }
}

/// The public part: title and detail.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())?;
        self.0.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("reason", &self.reason())
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("internal", &self.0.internal)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}
