//! A server of one thread.

use std::{convert::Infallible, io, net::Ipv4Addr, thread};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, runtime::Builder};
use tower::{BoxError, Service, ServiceExt};
use tower_ready_ratelimit::Fields;

use crate::stacks::{
    self, ours, peers,
    tokens::{self, Token},
};

/// What is served, behind what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) Host, pub(crate) Tokens, pub(crate) Stack);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Axum,
    Tonic,
    Hyper,
}

/// What is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// One with a shared secret, for which two stacks are closest.
    Hs256,
    /// One with a signature that takes fifty microseconds to check.
    Es256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    None,
    Ours,
    Peers,
}

impl Kind {
    /// What a server's process is told to serve.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) const fn label(self) -> &'static str {
        match self.2 {
            Stack::None => "bare",
            Stack::Ours => "ours",
            Stack::Peers => "[peers]",
        }
    }
}

/// Serves until nobody holds the other end of its input, and says where and to which token.
pub(crate) fn run(kind: Kind) {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let Kind(host, tokens, stack) = kind;
        let token = match tokens {
            Tokens::Hs256 => tokens::hs256("alice"),
            Tokens::Es256 => tokens::es256(1).remove(0),
        };
        println!("{} {}", listener.local_addr().unwrap(), token.text);
        let service = stacks::hyper();
        match host {
            Host::Axum => axum(listener, behind(stacks::axum(), stack, &token)).await,
            Host::Tonic => axum(listener, behind(stacks::tonic(), stack, &token)).await,
            Host::Hyper if stack == Stack::None => hyper(listener, service).await,
            Host::Hyper => hyper(listener, ours(&token, Fields::None).service(service)).await,
        }
    });
}

fn behind(router: Router, stack: Stack, token: &Token) -> Router {
    match stack {
        Stack::None => router,
        Stack::Ours => router.layer(ours(token, Fields::None)),
        Stack::Peers => peers(router, token),
    }
}

async fn axum(listener: TcpListener, router: Router) {
    use axum::serve::ListenerExt;

    let listener = listener.tap_io(|io| io.set_nodelay(true).unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn hyper<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    loop {
        let (io, _) = listener.accept().await.unwrap();
        io.set_nodelay(true).unwrap();
        let service =
            service.clone().map_request(|request: Request<Incoming>| request.map(Body::new));
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(io), TowerToHyperService::new(service));
        tokio::spawn(async { connection.await.is_ok() });
    }
}
