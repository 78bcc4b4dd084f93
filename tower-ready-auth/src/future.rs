use bytes::Bytes;
use http::{Request, Response};
use tower_ready_core::Head;
use tower_ready_problem::Caller;

use crate::{
    Auth, TokenError,
    deferred::{Finish, future},
    each_use::Good,
    service::admit,
};

future! {
    /// The future of an [`AuthService`](crate::AuthService).
    AuthFuture, Auth
}

impl<B> Finish<B> for Auth {
    type Known = Result<Good, TokenError>;

    fn finish(&self, request: &mut Request<B>, known: Self::Known) -> Option<Response<Bytes>> {
        match self.conclude(&Head::of(request), known) {
            Ok(principal) => {
                admit(self, request, Some(principal));
                None
            }
            Err(problem) => Some(problem.answer(&Caller::of(request))),
        }
    }
}
