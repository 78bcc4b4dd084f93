//! The callers.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::task::JoinHandle;

use self::{grpc::GrpcClient, http::HttpClient};
use crate::{Call, Reply, Speaks, patience::within};

mod grpc;
mod http;
mod streaming;
mod tap;

pub use self::streaming::Streaming;

/// One caller.
///
/// It connects at its first call and keeps the connection for the next. Calls at the same time
/// share it over gRPC; over HTTP/1.1 each gets one of its own, as in a browser. Clones are the same
/// caller.
#[derive(Clone, Debug)]
pub struct Client {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Http(HttpClient),
    Grpc(GrpcClient),
}

/// A call on its way. Dropping it hangs up.
#[derive(Debug)]
#[must_use = "dropping a call hangs up"]
pub struct InFlight {
    task: JoinHandle<Reply>,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(speaks: Speaks, address: SocketAddr) -> Self {
        let kind = match speaks {
            Speaks::Http => Kind::Http(HttpClient::new(address)),
            Speaks::Grpc => Kind::Grpc(GrpcClient::new(address)),
        };
        Self { kind }
    }

    /// Makes a call and reads the whole answer.
    ///
    /// # Panics
    ///
    /// When no answer comes within twenty seconds of real time.
    pub async fn call(&self, call: Call) -> Reply {
        let answer = async {
            match &self.kind {
                Kind::Http(client) => client.open(call).await.finish().await,
                Kind::Grpc(client) => client.call(call).await,
            }
        };
        within("the answer to a call", answer).await
    }

    /// Starts a call and does not wait for it. It is on its way whether or not it is polled.
    pub fn start(&self, call: Call) -> InFlight {
        let client = self.clone();
        InFlight { task: tokio::spawn(async move { client.call(call).await }) }
    }

    /// Makes a call whose answer is read message by message.
    ///
    /// # Panics
    ///
    /// When no answer begins within twenty seconds of real time.
    pub async fn stream(&self, call: Call) -> Streaming {
        let opening = async {
            match &self.kind {
                Kind::Http(client) => Streaming::from(client.open(call).await),
                Kind::Grpc(client) => Streaming::from(client.open(call).await),
            }
        };
        within("a stream to open", opening).await
    }
}

// === impl InFlight ===

impl InFlight {
    /// Hangs up, and returns when it is done on this side.
    pub async fn hang_up(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Whether an answer, or the loss of it, has come.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl Future for InFlight {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let reply = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(reply.expect("a call neither panics nor is aborted while it is waited for"))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.task.abort();
    }
}
