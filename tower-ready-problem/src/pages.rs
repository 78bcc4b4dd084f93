use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, VARY},
};
use http_body_util::Full;
use tower_service::Service;

use crate::{
    Caller, Problem, ProblemType, Problems,
    json::{self, Writer},
};

/// The pages that the `type` of a problem leads to: a service for `/problems` and
/// `/problems/{name}`.
///
/// It answers HTML to who accepts it, else JSON, so that people and programs learn the same.
#[derive(Clone, Debug)]
#[must_use = "a service does nothing until it is mounted"]
pub struct ProblemPages {
    problems: Problems,
}

impl Problems {
    /// A service that explains the types of the catalogue.
    pub fn pages(&self) -> ProblemPages {
        ProblemPages {
            problems: self.clone(),
        }
    }
}

impl<B> Service<Request<B>> for ProblemPages {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request).map(Full::new)))
    }
}

impl ProblemPages {
    fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Problem::status(StatusCode::METHOD_NOT_ALLOWED)
                .header(ALLOW, HeaderValue::from_static("GET, HEAD"))
                .answer(&Caller::of(request));
        }
        let catalogue = &self.problems.config().catalogue;
        // Routers may or may not strip the prefix, so the last segment decides.
        let name = request
            .uri()
            .path()
            .trim_end_matches('/')
            .rsplit('/')
            .next();
        let found = match name {
            None | Some("" | "problems") => catalogue.as_slice(),
            Some(name) => match catalogue.iter().position(|kind| kind.name() == name) {
                Some(at) => &catalogue[at..=at],
                None => {
                    return Problem::status(StatusCode::NOT_FOUND).answer(&Caller::of(request));
                }
            },
        };
        let (content_type, page) = if accepts_html(request) {
            ("text/html; charset=utf-8", html(found))
        } else {
            ("application/json", json(found))
        };
        let mut response = Response::new(page);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// A browser names HTML; what only takes anything is a program.
fn accepts_html<B>(request: &Request<B>) -> bool {
    let accepted = request.headers().get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

fn json(types: &[&ProblemType]) -> Bytes {
    json::write(|json| {
        json.raw("{\"problems\":");
        for (n, kind) in types.iter().enumerate() {
            json.raw(if n == 0 { "[{" } else { ",{" });
            entry(json, kind);
            json.raw("}");
        }
        json.raw("]}");
    })
}

fn entry(json: &mut Writer<'_>, kind: &ProblemType) {
    json.member("name", kind.name());
    if let Some(uri) = kind.registered_uri() {
        json.member("type", uri);
    }
    json.member("code", kind.reason());
    json.member("title", kind.title());
    json.name("status");
    json.unsigned(kind.status().as_u16().into());
    json.member("grpc", kind.grpc_code().name());
    json.member("docs", kind.documentation());
}

fn html(types: &[&ProblemType]) -> Bytes {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Problems</title>\
         <style>body{font:1rem/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}\
         code{background:#8882;padding:.1em .3em}</style><main>",
    );
    for kind in types {
        page.push_str(&format!(
            "<section id=\"{name}\"><h1>{title}</h1><p><code>{reason}</code>, HTTP {status}, gRPC \
             {code}</p><p>{docs}</p></section>",
            name = kind.name(),
            title = escaped(kind.title()),
            reason = kind.reason(),
            status = kind.status().as_u16(),
            code = kind.grpc_code(),
            docs = escaped(kind.documentation()),
        ));
    }
    page.push_str("</main></html>");
    Bytes::from(page)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
