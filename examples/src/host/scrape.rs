//! `GET /metrics` on the serving socket, where there is no other one for it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use futures_util::{
    TryFutureExt,
    future::{Either, MapOk},
};
use http::{Method, Request, Response};
use http_body_util::Either as EitherBody;
use tower_layer::Layer;
use tower_ready_obs::{ScrapeBody, ScrapeService};
use tower_service::Service;

/// Answers scrapes in front of a service. They are no requests of users, and so are not counted.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeLayer(Option<ScrapeService>);

impl ScrapeLayer {
    /// Answers them here, or leaves that to another.
    pub(crate) const fn new(scrape: Option<ScrapeService>) -> Self {
        Self(scrape)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scraped<S> {
    inner: S,
    scrape: Option<ScrapeService>,
}

impl<S> Layer<S> for ScrapeLayer {
    type Service = Scraped<S>;

    fn layer(&self, inner: S) -> Scraped<S> {
        Scraped { inner, scrape: self.0.clone() }
    }
}

type Answer<B> = Response<EitherBody<ScrapeBody, B>>;

impl<S, Q, B> Service<Request<Q>> for Scraped<S>
where
    S: Service<Request<Q>, Response = Response<B>, Error = Infallible>,
{
    type Response = Answer<B>;
    type Error = Infallible;
    type Future = Either<
        Ready<Result<Answer<B>, Infallible>>,
        MapOk<S::Future, fn(Response<B>) -> Answer<B>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        match &mut self.scrape {
            Some(scrape) if is_get && request.uri().path() == "/metrics" => {
                let Ok(answer) = scrape.call(request).into_inner();
                Either::Left(ready(Ok(answer.map(EitherBody::Left))))
            }
            _ => Either::Right(self.inner.call(request).map_ok(|it| it.map(EitherBody::Right))),
        }
    }
}
