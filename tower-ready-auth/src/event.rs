//! What an audit hears.

use std::{net::IpAddr, time::Duration};

use http::Method;
use tower_ready_core::{Head, RequestId};

use crate::{Principal, Reason};

/// A decision. It never holds a token, a secret or the claims.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What was decided.
    pub kind: EventKind,
    /// Why, when somebody was turned away; and when somebody was let in whose credentials nobody
    /// could say to be revoked, that the store did not answer.
    pub reason: Option<Reason>,
    /// The claim that was missing or wrong.
    pub claim: Option<&'a str>,
    /// Who asked, if that is known.
    pub principal: Option<&'a Principal>,
    /// From where.
    pub source: Option<IpAddr>,
    /// The method of the request.
    pub method: &'a Method,
    /// Its path, without the query, and at most 256 bytes of it.
    pub path: &'a str,
    /// Its id, if it has a well-formed one.
    pub request_id: Option<&'a RequestId>,
    /// The policy that said no.
    pub policy: Option<&'a str>,
    /// For how long the caller is locked.
    pub locked_for: Option<Duration>,
}

/// What was decided, in the words of the OWASP Logging Vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// `authn_login_success`: the credentials are good.
    Admitted,
    /// `authn_login_fail`: there are none, or they are bad.
    Refused,
    /// `authn_login_lock`: after this failure, the caller has to wait.
    Locked,
    /// `authn_token_revoked`: the credentials were revoked.
    Revoked,
    /// `authz_fail`: a policy said no.
    Denied,
    /// `authn_unavailable`, for which the vocabulary has no word: keys or a store were not there.
    Unavailable,
}

/// Hears of decisions: a closure, `()` for nobody, a tuple of two.
///
/// It is called on the path of the request, outside of any lock, so it should be quick.
pub trait OnAuth: Send + Sync + 'static {
    /// Something was decided.
    fn on_event(&self, event: &Event<'_>);
}

impl<'a> Event<'a> {
    pub(crate) fn new(kind: EventKind, head: &Head<'a>, id: Option<&'a RequestId>) -> Self {
        Self {
            kind,
            reason: None,
            claim: None,
            principal: None,
            source: None,
            method: head.method(),
            path: short(head.uri().path()),
            request_id: id,
            policy: None,
            locked_for: None,
        }
    }

    /// The audit log.
    #[cfg(feature = "tracing")]
    pub(crate) fn log(&self) {
        macro_rules! log {
            ($level:expr) => {
                tracing::event!(
                    target: "tower_ready_auth::audit",
                    $level,
                    event = self.kind.as_str(),
                    reason = self.reason.map(Reason::as_str),
                    claim = self.claim,
                    subject = self.principal.map(Principal::subject),
                    issuer = self.principal.and_then(Principal::issuer),
                    credential_id = self.principal.and_then(Principal::credential_id),
                    key_id = self.principal.and_then(Principal::key_id),
                    source = self.source.map(tracing::field::display),
                    method = self.method.as_str(),
                    path = self.path,
                    request_id = self.request_id.map(RequestId::as_str),
                    policy = self.policy,
                    locked_for_ms = self.locked_for.map(|it| it.as_millis() as u64),
                )
            };
        }
        match self.kind {
            EventKind::Admitted if self.reason.is_none() => log!(tracing::Level::DEBUG),
            EventKind::Refused if self.reason == Some(Reason::MissingCredentials) => {
                log!(tracing::Level::INFO);
            }
            EventKind::Unavailable => log!(tracing::Level::ERROR),
            _ => log!(tracing::Level::WARN),
        }
    }
}

/// Who calls may choose a path of many kilobytes, and a log should not.
const MAX_PATH: usize = 256;

fn short(path: &str) -> &str {
    if path.len() <= MAX_PATH {
        return path;
    }
    let end = (0..=MAX_PATH).rev().find(|end| path.is_char_boundary(*end));
    &path[..end.unwrap_or(0)]
}

impl EventKind {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "authn_login_success",
            Self::Refused => "authn_login_fail",
            Self::Locked => "authn_login_lock",
            Self::Revoked => "authn_token_revoked",
            Self::Denied => "authz_fail",
            Self::Unavailable => "authn_unavailable",
        }
    }
}

impl OnAuth for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<F> OnAuth for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<A: OnAuth, B: OnAuth> OnAuth for (A, B) {
    fn on_event(&self, event: &Event<'_>) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_bound_whatever_it_is_made_of() {
        assert_eq!(short("/orders"), "/orders");
        for text in ["a", "\u{e4}", "\u{20ac}", "\u{1f600}"] {
            let path = format!("/{}", text.repeat(400));
            assert!((253..=256).contains(&short(&path).len()));
        }
    }
}
