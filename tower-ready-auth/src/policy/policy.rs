use std::{fmt, future::Future, ops::Not, sync::Arc, time::Duration};

use tower_ready_core::Head;

use super::{PolicyLayer, rule::Rule};
use crate::Principal;

/// What a caller must be or have for a route. A cheap handle.
///
/// ```
/// use tower_ready_auth::Policy;
///
/// let policy = Policy::scope("orders:write")
///     .and(Policy::role("clerk").or(Policy::role("admin")))
///     .and(!Policy::role("suspended"));
/// ```
#[derive(Clone)]
pub struct Policy(Kind);

#[derive(Clone)]
enum Kind {
    Anyone,
    Rule(Arc<Rule>),
}

impl Policy {
    /// Everybody, also those who have not said who they are.
    #[must_use]
    pub const fn anyone() -> Self {
        Self(Kind::Anyone)
    }

    /// Everybody who has proved who they are.
    #[must_use]
    pub fn authenticated() -> Self {
        Self::of(Rule::Authenticated)
    }

    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::of(Rule::Nobody)
    }

    /// Whoever has this scope.
    #[must_use]
    pub fn scope(scope: impl Into<Box<str>>) -> Self {
        Self::of(Rule::Scope(scope.into()))
    }

    /// Whoever has all of these scopes; of none, everybody who has proved who they are.
    #[must_use]
    pub fn all_scopes<T: Into<Box<str>>>(scopes: impl IntoIterator<Item = T>) -> Self {
        let rule = |scope: T| Arc::new(Rule::Scope(scope.into()));
        Self::of(Rule::All(scopes.into_iter().map(rule).collect()))
    }

    /// Whoever has one of these scopes; of none, nobody.
    #[must_use]
    pub fn any_scope<T: Into<Box<str>>>(scopes: impl IntoIterator<Item = T>) -> Self {
        let rule = |scope: T| Arc::new(Rule::Scope(scope.into()));
        Self::of(Rule::Any(scopes.into_iter().map(rule).collect()))
    }

    /// Whoever has this role.
    #[must_use]
    pub fn role(role: impl Into<Box<str>>) -> Self {
        Self::of(Rule::Role(role.into()))
    }

    /// Whoever proved who they are in one of these ways: the `acr` of the token (RFC 9470).
    #[must_use]
    pub fn acr<T: Into<Box<str>>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::of(Rule::Acr(values.into_iter().map(Into::into).collect()))
    }

    /// Whoever proved who they are not longer ago than this: the `auth_time` of the token
    /// (RFC 9470).
    #[must_use]
    pub fn fresh(max_age: Duration) -> Self {
        Self::of(Rule::Fresh(max_age))
    }

    /// Whoever this holds for. The name stands in the audit log when it does not.
    #[must_use]
    pub fn check(
        name: impl Into<Box<str>>,
        check: impl Fn(&Principal, &Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Rule::Check(name.into(), Box::new(check)))
    }

    /// Whoever this will hold for, once somebody has been asked. The name stands in the audit log
    /// when it does not.
    #[must_use]
    pub fn check_later<F>(
        name: impl Into<Box<str>>,
        check: impl Fn(&Principal, &Head<'_>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let check = move |principal: &Principal, head: &Head<'_>| -> _ {
            Box::pin(check(principal, head)) as _
        };
        Self::of(Rule::CheckLater(name.into(), Box::new(check)))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Kind::Anyone, other) | (other, Kind::Anyone) => Self(other),
            (Kind::Rule(a), Kind::Rule(b)) => Self::of(Rule::All(vec![a, b])),
        }
    }

    /// One of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Kind::Anyone, _) | (_, Kind::Anyone) => Self::anyone(),
            (Kind::Rule(a), Kind::Rule(b)) => Self::of(Rule::Any(vec![a, b])),
        }
    }

    /// A layer that holds requests to it. It belongs inside of an [`AuthLayer`](crate::AuthLayer):
    /// on axum with `route_layer`, so that it knows which route it guards.
    pub fn layer(&self) -> PolicyLayer {
        PolicyLayer::new(self.clone())
    }

    fn of(rule: Rule) -> Self {
        Self(Kind::Rule(Arc::new(rule)))
    }

    /// The rule, unless there is none.
    pub(super) fn rule(&self) -> Option<&Rule> {
        match &self.0 {
            Kind::Anyone => None,
            Kind::Rule(rule) => Some(rule),
        }
    }
}

/// Everybody but those for whom it holds, among those who have proved who they are.
impl Not for Policy {
    type Output = Self;

    fn not(self) -> Self {
        match self.0 {
            Kind::Anyone => Self::nobody(),
            Kind::Rule(rule) => Self::of(Rule::Not(rule)),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Anyone => f.write_str("Policy(anyone)"),
            Kind::Rule(rule) => write!(f, "Policy({rule:?})"),
        }
    }
}
