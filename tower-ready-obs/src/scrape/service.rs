use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

#[cfg(feature = "gzip")]
use http::header::{CONTENT_ENCODING, VARY};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use tower_service::Service;

use super::{ScrapeBody, accept::Agreed};
use crate::metrics::Metrics;

/// Answers `GET` with all that is counted: the service for `/metrics`.
///
/// It speaks the text format 0.0.4, OpenMetrics 1.0 and protocol buffers, by `Accept`, and gzip
/// under the feature of that name. What is counted is for those who operate a service and for
/// nobody else, so put it on a port of its own, or behind what knows who calls.
#[derive(Clone, Debug)]
pub struct ScrapeService {
    metrics: Metrics,
}

impl ScrapeService {
    pub(crate) const fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    fn answer<Q>(&self, request: &Request<Q>) -> Response<ScrapeBody> {
        let mut response = Response::new(ScrapeBody::empty());
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let agreed = Agreed::of(request.headers());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, agreed.content_type());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        #[cfg(feature = "gzip")]
        let is_gzip = super::accept::gzip(request.headers());
        #[cfg(feature = "gzip")]
        {
            headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
            if is_gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        if request.method() == Method::GET {
            let pages = self.metrics.pages(agreed.format);
            #[cfg(feature = "gzip")]
            if is_gzip {
                *response.body_mut() = ScrapeBody::gzip(pages);
                return response;
            }
            *response.body_mut() = ScrapeBody::plain(pages);
        }
        response
    }
}

impl<Q> Service<Request<Q>> for ScrapeService {
    type Response = Response<ScrapeBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<ScrapeBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}
