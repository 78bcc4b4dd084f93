use std::{fmt, str};

use http::StatusCode;
use tower_ready_core::grpc::Code;

/// A kind of problem: what all of its occurrences have in common.
///
/// Types are written once, as statics, and checked at compile time. A type's name makes its `type`
/// member, a reference such as `/problems/out-of-stock`, and its machine code, `OUT_OF_STOCK`,
/// which is also the reason of gRPC's `ErrorInfo`. A client that switches on one or the other needs
/// no text of ours.
///
/// ```
/// use http::StatusCode;
/// use tower_ready_problem::{ProblemType, grpc::Code};
///
/// static OUT_OF_STOCK: ProblemType =
///     ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock")
///         .code(Code::FailedPrecondition)
///         .docs("Order fewer, or subscribe to the item to hear when it is back.");
///
/// assert_eq!(OUT_OF_STOCK.reason(), "OUT_OF_STOCK");
/// ```
///
/// A name that is none does not compile:
///
/// ```compile_fail
/// # use http::StatusCode;
/// # use tower_ready_problem::ProblemType;
/// static BAD: ProblemType = ProblemType::new("Out of stock", StatusCode::CONFLICT, "Oh");
/// ```
#[derive(Clone)]
pub struct ProblemType {
    name: &'static str,
    uri: Option<&'static str>,
    title: &'static str,
    status: StatusCode,
    code: Code,
    reason: Reason,
    docs: &'static str,
}

/// AIP-193 wants `[A-Z][A-Z0-9_]+[A-Z0-9]` of at most 63 characters.
const MAX_NAME: usize = 63;

#[derive(Clone)]
struct Reason {
    bytes: [u8; MAX_NAME],
    len: usize,
}

impl ProblemType {
    /// A type with this name, in lower case with hyphens, the status of its answers, and a title
    /// that says what went wrong in any occurrence (RFC 9457 §3.1.3).
    ///
    /// The gRPC code is the one that [`Code::from_http`] finds for the status.
    ///
    /// # Panics
    ///
    /// In a static, which is where a type belongs, these are errors of the compiler: a name that is
    /// not `[a-z][a-z0-9]*(-[a-z0-9]+)*` of 3 to 63 characters, a status that is not 400 to 599, an
    /// empty title.
    #[must_use]
    pub const fn new(name: &'static str, status: StatusCode, title: &'static str) -> Self {
        assert!(matches!(status.as_u16(), 400..=599), "a problem's status is 400 to 599");
        assert!(!title.is_empty(), "a problem type needs a title");
        let code = Code::from_http(status);
        Self { name, uri: None, title, status, code, reason: Reason::of(name), docs: "" }
    }

    /// The gRPC code, where another says more than the one for the HTTP status.
    ///
    /// # Panics
    ///
    /// In a static, [`Code::Ok`] is an error of the compiler.
    #[must_use]
    pub const fn code(mut self, code: Code) -> Self {
        assert!(code as u8 != 0, "a problem's gRPC code is not OK");
        self.code = code;
        self
    }

    /// The URI by which others know this type already, in place of `/problems/NAME`: one from the
    /// registry of problem types, or of a standard.
    #[must_use]
    pub const fn uri(mut self, uri: &'static str) -> Self {
        self.uri = Some(uri);
        self
    }

    /// What a developer who meets this problem should know, for the page that `type` leads to.
    #[must_use]
    pub const fn docs(mut self, docs: &'static str) -> Self {
        self.docs = docs;
        self
    }

    /// The name: `out-of-stock`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The machine code, and reason of gRPC's `ErrorInfo`: `OUT_OF_STOCK`.
    #[must_use]
    pub fn reason(&self) -> &str {
        str::from_utf8(&self.reason.bytes[..self.reason.len]).unwrap_or_default()
    }

    /// The title.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.title
    }

    /// The HTTP status of its answers.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The gRPC code of its answers.
    #[must_use]
    pub const fn grpc_code(&self) -> Code {
        self.code
    }

    /// The URI by which others know it, if they do.
    #[must_use]
    pub const fn registered_uri(&self) -> Option<&'static str> {
        self.uri
    }

    /// What a developer should know.
    #[must_use]
    pub const fn documentation(&self) -> &'static str {
        self.docs
    }
}

impl Reason {
    const fn of(name: &str) -> Self {
        let name = name.as_bytes();
        let len = name.len();
        assert!(len >= 3 && len <= MAX_NAME, "a problem type's name has 3 to 63 characters");
        assert!(name[0].is_ascii_lowercase(), "a problem type's name starts with a letter");
        assert!(name[len - 1] != b'-', "a problem type's name does not end in a hyphen");
        let mut bytes = [0; MAX_NAME];
        let mut i = 0;
        while i < len {
            bytes[i] = match name[i] {
                b'a'..=b'z' | b'0'..=b'9' => name[i].to_ascii_uppercase(),
                b'-' if name[i - 1] != b'-' => b'_',
                _ => panic!("a problem type's name is of a-z, 0-9 and single hyphens"),
            };
            i += 1;
        }
        Self { bytes, len }
    }
}

/// Types are equal by name and registered URI: what clients see.
impl PartialEq for ProblemType {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.uri) == (other.name, other.uri)
    }
}

impl Eq for ProblemType {}

impl fmt::Debug for ProblemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProblemType")
            .field("name", &self.name)
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
