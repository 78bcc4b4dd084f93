//! A layer over the inner service, and the steps that the rules share.

use std::{fmt, future::poll_fn};

use bytes::Buf;
use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_service::Service;

use super::{
    Contract,
    body::{ScriptedBody, Step},
    control::Control,
    failure::Failure,
    inner::Inner,
};
use crate::patience::within;

/// What a layer makes of the [`Inner`] service; every service of the right types is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit the contract of a layer",
    note = "it has to be a `Service<Request<ScriptedBody>>` that is `Clone + Send + Sync + 'static`",
    note = "its answer is a `Response<B>` with `B: Body + Send + 'static`, its future is `Send + 'static`",
    note = "its error, and that of `B`, is that of the inner service, boxed, or `Infallible`"
)]
pub trait Subject:
    Service<
        Request<ScriptedBody>,
        Response = Response<Self::Body>,
        Error: Failure,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its answers.
    type Body: Body<Data: Buf, Error: Failure> + Send + 'static;
}

impl<S, B> Subject for S
where
    S: Service<Request<ScriptedBody>, Response = Response<B>, Error: Failure>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Buf, Error: Failure> + Send + 'static,
{
    type Body = B;
}

/// A layer under test, and what is known of it.
pub(super) struct Case<'a, S> {
    make: &'a dyn Fn(Inner) -> S,
    prepare: &'a dyn Fn(&mut Parts),
    pub(super) answers_errors: bool,
    pub(super) always_ready: bool,
}

type Answered<S> = Result<<S as Service<Request<ScriptedBody>>>::Response, Failed<S>>;
type Failed<S> = <S as Service<Request<ScriptedBody>>>::Error;

// === impl Case ===

impl<'a, S: Subject> Case<'a, S> {
    pub(super) fn new(make: &'a dyn Fn(Inner) -> S, contract: &'a Contract) -> Self {
        Self {
            make,
            prepare: &contract.prepare,
            answers_errors: contract.answers_errors,
            always_ready: contract.always_ready,
        }
    }

    /// A fresh layer over a fresh inner service.
    pub(super) fn begin(&self) -> (S, Control) {
        let control = Control::default();
        ((self.make)(Inner::new(&control)), control)
    }

    /// A request that the layer lets pass.
    pub(super) fn request(&self, control: &Control) -> Request<ScriptedBody> {
        let (mut parts, ()) = Request::new(()).into_parts();
        (self.prepare)(&mut parts);
        let steps = [Step::Data("ask"), Step::Pause, Step::Trailers("x-asked", "yes")];
        Request::from_parts(parts, ScriptedBody::new(control, &steps))
    }

    /// Calls a service as tower's contract has it: first it is ready, then it is called.
    pub(super) async fn call(&self, service: &mut S, control: &Control) -> Answered<S> {
        self.ready(service).await?;
        self.finish(service.call(self.request(control))).await
    }

    pub(super) async fn ready(&self, service: &mut S) -> Result<(), Failed<S>> {
        within("the layer to be ready", poll_fn(|cx| service.poll_ready(cx))).await
    }

    pub(super) async fn finish(&self, call: S::Future) -> Answered<S> {
        within("a call that nothing holds up", call).await
    }
}

impl<S> fmt::Debug for Case<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").finish_non_exhaustive()
    }
}

/// What a call came to, in words for a finding.
pub(super) fn outcome<B, E: Failure>(answer: &Result<Response<B>, E>) -> String {
    match answer {
        Ok(response) => format!("the answer {}", response.status()),
        Err(error) => match error.inner() {
            Some(number) => format!("inner error {number}"),
            None => "an error of its own".to_owned(),
        },
    }
}
