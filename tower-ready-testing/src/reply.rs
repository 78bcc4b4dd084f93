//! What came back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use tonic::{Code, Status};

/// The answer to a [`Call`](crate::Call), in one form for every host.
#[derive(Clone)]
pub struct Reply {
    pub(crate) head: Option<Head>,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
    pub(crate) broken: Option<String>,
    pub(crate) messages: Vec<String>,
    pub(crate) grpc: Option<Status>,
}

/// What the client read before the body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

// === impl Reply ===

impl Reply {
    /// The reply to a call that nothing has come back for.
    pub(crate) fn nothing() -> Self {
        Self {
            head: None,
            body: Bytes::new(),
            trailers: HeaderMap::new(),
            broken: None,
            messages: Vec::new(),
            grpc: None,
        }
    }

    /// The HTTP status; over gRPC as well, where 200 is the rule even for failures.
    ///
    /// # Panics
    ///
    /// When the exchange broke before an answer came.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> StatusCode {
        self.head().status
    }

    /// The headers before the body.
    ///
    /// # Panics
    ///
    /// When the exchange broke before an answer came.
    #[must_use]
    #[track_caller]
    pub fn headers(&self) -> &HeaderMap {
        &self.head().headers
    }

    /// The headers after the body; none when the answer was trailers-only.
    #[must_use]
    pub const fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// The first header of this name, before the body or after it, if it is text.
    ///
    /// Over gRPC this finds metadata wherever the server put it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let before = self.head.as_ref().and_then(|head| head.headers.get(name));
        before.or_else(|| self.trailers.get(name))?.to_str().ok()
    }

    /// The body as it was on the wire; over gRPC with its frame headers.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the handler said: the body as text, or the texts of the gRPC messages on lines.
    #[must_use]
    pub fn text(&self) -> String {
        match self.grpc {
            Some(_) => self.messages.join("\n"),
            None => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// What the handler streamed, message by message; over HTTP the lines of the body.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Why the exchange ended before its time, if it did. Over gRPC such an end is a
    /// [`code`](Self::code), as it is to any gRPC client.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The gRPC status as the client sees it.
    ///
    /// # Panics
    ///
    /// On an HTTP host.
    #[must_use]
    #[track_caller]
    pub fn grpc(&self) -> &Status {
        self.grpc.as_ref().unwrap_or_else(|| panic!("an HTTP host has no gRPC status: {self:?}"))
    }

    /// The gRPC code as the client sees it.
    ///
    /// # Panics
    ///
    /// On an HTTP host.
    #[must_use]
    #[track_caller]
    pub fn code(&self) -> Code {
        self.grpc().code()
    }

    /// The problem document of an HTTP answer.
    ///
    /// # Panics
    ///
    /// When the answer is not `application/problem+json` or not JSON.
    #[must_use]
    #[track_caller]
    pub fn problem(&self) -> serde_json::Value {
        let kind = self.header(CONTENT_TYPE.as_str());
        assert_eq!(kind, Some("application/problem+json"), "not a problem: {self:?}");
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON, {error}: {self:?}"))
    }

    /// Whether the caller got what it asked for, whole.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        match &self.grpc {
            Some(status) => status.code() == Code::Ok,
            None => {
                self.broken.is_none()
                    && self.head.as_ref().is_some_and(|head| head.status.is_success())
            }
        }
    }

    /// Fails unless [`is_ok`](Self::is_ok).
    ///
    /// # Panics
    ///
    /// When the caller did not get what it asked for.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.is_ok(), "not a good answer: {self:?}");
    }

    /// Fails unless the caller was told so in its own protocol: by `status` over HTTP, by `code`
    /// on an HTTP 200 over gRPC.
    ///
    /// # Panics
    ///
    /// When the caller was told something else.
    #[track_caller]
    pub fn assert_rejected(&self, status: StatusCode, code: impl Into<Code>) {
        if let Some(grpc) = &self.grpc {
            assert_eq!(grpc.code(), code.into(), "wrong code: {self:?}");
            assert_eq!(self.status(), StatusCode::OK, "gRPC errors travel on a 200: {self:?}");
            let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
            assert!(kind.starts_with("application/grpc"), "not gRPC: {self:?}");
        } else {
            assert_eq!(self.status(), status, "wrong status: {self:?}");
            assert_eq!(self.broken, None, "the answer is not whole: {self:?}");
        }
    }

    #[track_caller]
    fn head(&self) -> &Head {
        self.head.as_ref().unwrap_or_else(|| panic!("no answer came: {self:?}"))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = f.debug_struct("Reply");
        if let Some(Head { status, headers }) = &self.head {
            it.field("status", &status.as_u16()).field("headers", headers);
        }
        if !self.trailers.is_empty() {
            it.field("trailers", &self.trailers);
        }
        if let Some(why) = &self.broken {
            it.field("broken", why);
        }
        if let Some(status) = &self.grpc {
            it.field("code", &status.code()).field("message", &status.message());
        }
        it.field("text", &self.text()).finish()
    }
}
