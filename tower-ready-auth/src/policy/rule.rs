//! What a policy asks, and what becomes of it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tower_ready_core::Head;

use crate::{Lookup, Principal, Reason, time::Millis};

type Later = Pin<Box<dyn Future<Output = bool> + Send>>;
type Check = dyn Fn(&Principal, &Head<'_>) -> bool + Send + Sync;
type CheckLater = dyn Fn(&Principal, &Head<'_>) -> Later + Send + Sync;

pub(super) enum Rule {
    Authenticated,
    Nobody,
    Scope(Box<str>),
    Role(Box<str>),
    All(Vec<Arc<Self>>),
    Any(Vec<Arc<Self>>),
    Not(Arc<Self>),
    Acr(Vec<Box<str>>),
    Fresh(Duration),
    Check(Box<str>, Box<Check>),
    CheckLater(Box<str>, Box<CheckLater>),
}

/// Why a rule says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(super) reason: Reason,
    /// What was not there.
    pub(super) rule: Option<Arc<str>>,
}

type Verdict = Result<(), Denial>;

impl Rule {
    /// Asks. What is known at once is not boxed.
    pub(super) fn ask(&self, principal: &Principal, head: &Head<'_>) -> Lookup<Verdict> {
        Lookup::Ready(match self {
            Self::Authenticated => Ok(()),
            Self::Nobody => Err(denied(None)),
            Self::Scope(scope) if principal.scopes().contains(scope) => Ok(()),
            Self::Scope(_) => Err(Denial { reason: Reason::InsufficientScope, rule: None }),
            Self::Role(role) => of(principal.roles().contains(role), role),
            Self::Acr(values) => {
                let acr = principal.acr();
                let fits = values.iter().any(|value| acr == Some(&**value));
                fits.then_some(()).ok_or_else(step_up)
            }
            Self::Fresh(max_age) => {
                let since = principal.inner().auth_time;
                let oldest = Millis::of(SystemTime::now()).minus(*max_age);
                let fits = since.is_some_and(|since| since >= oldest);
                fits.then_some(()).ok_or_else(step_up)
            }
            Self::Check(name, check) => of(check(principal, head), name),
            Self::CheckLater(name, check) => {
                let (name, answer) = (Arc::from(&**name), check(principal, head));
                return Lookup::later(async move {
                    if answer.await { Ok(()) } else { Err(denied(Some(name))) }
                });
            }
            Self::Not(rule) => match rule.ask(principal, head) {
                Lookup::Ready(verdict) => inverse(&verdict),
                Lookup::Later(later) => {
                    return Lookup::later(async move { inverse(&later.await) });
                }
            },
            Self::All(rules) => return all(rules, principal, head),
            Self::Any(rules) => return any(rules, principal, head),
        })
    }

    /// The scopes that it speaks of, as a challenge names them.
    pub(super) fn scopes<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Self::Scope(scope) if !into.contains(&&**scope) => into.push(scope),
            Self::All(rules) | Self::Any(rules) => {
                for rule in rules {
                    rule.scopes(into);
                }
            }
            _ => {}
        }
    }

    /// How the caller has to prove who it is, if that is asked.
    pub(super) fn step_up(&self) -> (Option<String>, Option<Duration>) {
        match self {
            Self::Acr(values) => (Some(values.join(" ")), None),
            Self::Fresh(max_age) => (None, Some(*max_age)),
            Self::All(rules) | Self::Any(rules) => {
                let each = rules.iter().map(|rule| rule.step_up());
                each.fold((None, None), |sum, it| (sum.0.or(it.0), sum.1.or(it.1)))
            }
            _ => (None, None),
        }
    }
}

/// The first no is the answer; what has to be waited for is waited for last.
fn all(rules: &[Arc<Rule>], principal: &Principal, head: &Head<'_>) -> Lookup<Verdict> {
    let mut waiting = Vec::new();
    for rule in rules {
        match rule.ask(principal, head) {
            Lookup::Ready(Ok(())) => {}
            Lookup::Ready(denial) => return Lookup::Ready(denial),
            Lookup::Later(later) => waiting.push(later),
        }
    }
    if waiting.is_empty() {
        return Lookup::Ready(Ok(()));
    }
    Lookup::later(async move {
        for later in waiting {
            later.await?;
        }
        Ok(())
    })
}

/// The first yes is the answer, and else the first no.
fn any(rules: &[Arc<Rule>], principal: &Principal, head: &Head<'_>) -> Lookup<Verdict> {
    let (mut waiting, mut first) = (Vec::new(), None);
    for rule in rules {
        match rule.ask(principal, head) {
            Lookup::Ready(Ok(())) => return Lookup::Ready(Ok(())),
            Lookup::Ready(Err(denial)) => first = first.or(Some(denial)),
            Lookup::Later(later) => waiting.push(later),
        }
    }
    if waiting.is_empty() {
        return Lookup::Ready(Err(first.unwrap_or_else(|| denied(None))));
    }
    Lookup::later(async move {
        for later in waiting {
            match later.await {
                Ok(()) => return Ok(()),
                Err(denial) => first = first.or(Some(denial)),
            }
        }
        Err(first.unwrap_or_else(|| denied(None)))
    })
}

fn of(yes: bool, name: &str) -> Verdict {
    if yes { Ok(()) } else { Err(denied(Some(name.into()))) }
}

fn inverse(verdict: &Verdict) -> Verdict {
    match verdict {
        Ok(()) => Err(denied(None)),
        Err(_) => Ok(()),
    }
}

fn denied(rule: Option<Arc<str>>) -> Denial {
    Denial { reason: Reason::PolicyDenied, rule }
}

fn step_up() -> Denial {
    Denial { reason: Reason::StepUpRequired, rule: None }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authenticated => f.write_str("authenticated"),
            Self::Nobody => f.write_str("nobody"),
            Self::Scope(scope) => write!(f, "scope {scope:?}"),
            Self::Role(role) => write!(f, "role {role:?}"),
            Self::All(rules) => f.debug_tuple("all").field(rules).finish(),
            Self::Any(rules) => f.debug_tuple("any").field(rules).finish(),
            Self::Not(rule) => f.debug_tuple("not").field(rule).finish(),
            Self::Acr(values) => write!(f, "acr {values:?}"),
            Self::Fresh(max_age) => write!(f, "fresh {max_age:?}"),
            Self::Check(name, _) | Self::CheckLater(name, _) => write!(f, "check {name:?}"),
        }
    }
}
