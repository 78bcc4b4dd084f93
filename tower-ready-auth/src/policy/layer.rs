use std::{fmt, sync::Arc};

use tower_layer::Layer;
use tower_ready_core::{Head, RequestId};
use tower_ready_problem::Problem;

use super::{Policy, PolicyService, PolicyTable, rule::Denial};
use crate::{
    Event, EventKind, Lookup, OnAuth, Principal, Reason,
    rejection::{self, Challenge, Demand},
    service::Anonymous,
};

/// Holds requests to a [`Policy`] or a [`PolicyTable`].
///
/// It has to stand inside of an [`AuthLayer`](crate::AuthLayer), which finds out who calls. Where
/// none has looked, nobody passes: the answer is 500, and the log says why.
#[derive(Clone)]
#[must_use = "a layer protects nothing until it is applied"]
pub struct PolicyLayer(Arc<Inner>);

struct Inner {
    policies: Policies,
    observer: Option<Arc<dyn OnAuth>>,
    challenge: Challenge,
}

#[derive(Debug)]
enum Policies {
    One(Policy),
    Table(PolicyTable),
}

/// What becomes of a request.
pub(super) enum Step {
    Pass,
    Refuse(Problem),
    Later(Lookup<Result<(), Denial>>),
}

impl PolicyLayer {
    /// A layer that holds every request to one policy.
    pub fn new(policy: Policy) -> Self {
        Self::of(Policies::One(policy))
    }

    pub(super) fn of_table(table: PolicyTable) -> Self {
        Self::of(Policies::Table(table))
    }

    fn of(policies: Policies) -> Self {
        Self(Arc::new(Inner { policies, observer: None, challenge: Challenge::default() }))
    }

    /// Hears of every no, besides the audit log. Default: nobody.
    pub fn on_event(self, observer: impl OnAuth) -> Self {
        let Inner { policies, challenge, .. } = self.into_inner();
        Self(Arc::new(Inner { policies, observer: Some(Arc::new(observer)), challenge }))
    }

    /// Where the metadata of this service are, for the challenge of a no (RFC 9728 §5.1); a URL
    /// that a header cannot carry is left out. Default: nowhere.
    pub fn resource_metadata(self, url: impl Into<Box<str>>) -> Self {
        let mut inner = self.into_inner();
        inner.challenge = inner.challenge.with_metadata(url.into());
        Self(Arc::new(inner))
    }

    fn into_inner(self) -> Inner {
        Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            policies: match &shared.policies {
                Policies::One(policy) => Policies::One(policy.clone()),
                Policies::Table(table) => Policies::Table(table.clone()),
            },
            observer: shared.observer.clone(),
            challenge: shared.challenge.clone(),
        })
    }

    fn policy(&self, head: &Head<'_>) -> &Policy {
        match &self.0.policies {
            Policies::One(policy) => policy,
            Policies::Table(table) => table.get(head.uri().path()),
        }
    }

    #[inline]
    pub(super) fn decide(&self, head: &Head<'_>) -> Step {
        let Some(rule) = self.policy(head).rule() else {
            return Step::Pass;
        };
        let Some(principal) = Principal::of(head.extensions()) else {
            let was_asked = head.extensions().get::<Anonymous>().is_some();
            let reason =
                if was_asked { Reason::MissingCredentials } else { Reason::NotAuthenticated };
            return Step::Refuse(self.refuse(head, &Denial { reason, rule: None }));
        };
        match rule.ask(principal, head) {
            Lookup::Ready(Ok(())) => Step::Pass,
            Lookup::Ready(Err(denial)) => Step::Refuse(self.refuse(head, &denial)),
            later => Step::Later(later),
        }
    }

    pub(super) fn conclude(
        &self,
        head: &Head<'_>,
        verdict: Result<(), Denial>,
    ) -> Result<(), Problem> {
        verdict.map_err(|denial| self.refuse(head, &denial))
    }

    #[cold]
    fn refuse(&self, head: &Head<'_>, denial: &Denial) -> Problem {
        let reason = denial.reason;
        let id = RequestId::of(head.headers());
        let kind = match reason {
            Reason::MissingCredentials => EventKind::Refused,
            Reason::NotAuthenticated => EventKind::Unavailable,
            _ => EventKind::Denied,
        };
        let mut event = Event::new(kind, head, id.as_ref());
        event.reason = Some(reason);
        event.principal = Principal::of(head.extensions());
        event.policy = denial.rule.as_deref();
        #[cfg(feature = "tracing")]
        event.log();
        if let Some(observer) = &self.0.observer {
            observer.on_event(&event);
        }

        let rule = self.policy(head).rule();
        let (mut scopes, mut step_up) = (Vec::new(), (None, None));
        match (reason, rule) {
            (Reason::InsufficientScope, Some(rule)) => rule.scopes(&mut scopes),
            (Reason::StepUpRequired, Some(rule)) => step_up = rule.step_up(),
            _ => {}
        }
        let scope = scopes.join(" ");
        let demand = Demand {
            error: None,
            scope: (!scope.is_empty()).then_some(&scope),
            acr_values: step_up.0.as_deref(),
            max_age: step_up.1,
        };
        rejection::problem(reason, &self.0.challenge, demand, None)
    }
}

impl<S> Layer<S> for PolicyLayer {
    type Service = PolicyService<S>;

    fn layer(&self, inner: S) -> PolicyService<S> {
        PolicyService::new(inner, self.clone())
    }
}

impl fmt::Debug for PolicyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PolicyLayer").field(&self.0.policies).finish()
    }
}
