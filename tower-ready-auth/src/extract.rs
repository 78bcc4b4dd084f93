//! Principals where the handlers of axum and tonic look for them.

use http::Extensions;
use tower_ready_problem::Problem;

use crate::{
    Principal, Reason,
    rejection::{self, Challenge, Demand},
    service::Anonymous,
};

/// Who sent a request, or what to answer: 401 if it passed as nobody, 500 if no layer has looked.
fn required(extensions: &Extensions) -> Result<&Principal, Problem> {
    Principal::of(extensions).ok_or_else(|| {
        let was_asked = extensions.get::<Anonymous>().is_some();
        let reason = if was_asked { Reason::MissingCredentials } else { Reason::NotAuthenticated };
        rejection::problem(reason, &Challenge::default(), Demand::default(), None)
    })
}

/// A handler that takes a `Principal` is for those who have proved who they are alone.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        required(&parts.extensions).cloned()
    }
}

/// A handler that takes an `Option<Principal>` is for everybody whom the auth layer let in.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::OptionalFromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        match required(&parts.extensions) {
            Ok(principal) => Ok(Some(principal.clone())),
            Err(_) if parts.extensions.get::<Anonymous>().is_some() => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

#[cfg(feature = "tonic")]
impl Principal {
    /// Who sent a call, for the method of a service.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED` if it passed as nobody, `INTERNAL` if no auth layer has looked at it.
    pub fn of_call<T>(request: &tonic::Request<T>) -> Result<&Self, tonic::Status> {
        Ok(required(request.extensions())?)
    }
}
