//! An answer that is read message by message.

use std::fmt;

use super::{grpc::GrpcExchange, http::HttpExchange};
use crate::{Reply, patience::within};

/// A stream on its way. Dropping it hangs up in the middle.
#[must_use = "dropping a stream hangs up"]
pub struct Streaming {
    kind: Kind,
}

enum Kind {
    Http(Box<HttpExchange>),
    Grpc(Box<GrpcExchange>),
}

// === impl Streaming ===

impl Streaming {
    /// The next message, or `None` when there is no more; [`finish`](Self::finish) says why.
    ///
    /// # Panics
    ///
    /// When neither comes within twenty seconds of real time.
    pub async fn message(&mut self) -> Option<String> {
        let next = async {
            match &mut self.kind {
                Kind::Http(exchange) => exchange.message().await,
                Kind::Grpc(exchange) => exchange.message().await,
            }
        };
        within("the next message of a stream", next).await
    }

    /// Reads what is left and returns the whole.
    ///
    /// # Panics
    ///
    /// When the end does not come within twenty seconds of real time.
    pub async fn finish(self) -> Reply {
        let rest = async {
            match self.kind {
                Kind::Http(exchange) => exchange.finish().await,
                Kind::Grpc(exchange) => exchange.finish().await,
            }
        };
        within("the end of a stream", rest).await
    }
}

impl From<HttpExchange> for Streaming {
    fn from(exchange: HttpExchange) -> Self {
        Self { kind: Kind::Http(Box::new(exchange)) }
    }
}

impl From<GrpcExchange> for Streaming {
    fn from(exchange: GrpcExchange) -> Self {
        Self { kind: Kind::Grpc(Box::new(exchange)) }
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").finish_non_exhaustive()
    }
}
