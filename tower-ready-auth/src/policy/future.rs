use bytes::Bytes;
use http::{Request, Response};
use tower_ready_core::Head;
use tower_ready_problem::Caller;

use super::{PolicyLayer, rule::Denial};
use crate::deferred::{Finish, future};

future! {
    /// The future of a [`PolicyService`](crate::PolicyService).
    PolicyFuture, PolicyLayer
}

impl<B> Finish<B> for PolicyLayer {
    type Known = Result<(), Denial>;

    fn finish(&self, request: &mut Request<B>, known: Self::Known) -> Option<Response<Bytes>> {
        let problem = self.conclude(&Head::of(request), known).err()?;
        Some(problem.answer(&Caller::of(request)))
    }
}
