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
        ProblemPages { problems: self.clone() }
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
        let name = request.uri().path().trim_end_matches('/').rsplit('/').next();
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
            ("application/json", json(found, &self.problems.config().base))
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
    accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(is_html)
}

/// Whether a range of RFC 9110 §12.5.1 is HTML, and not as what would not do.
fn is_html(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let refused =
        weight.is_some_and(|weight| weight.bytes().all(|byte| matches!(byte, b'0' | b'.')));
    name.eq_ignore_ascii_case("text/html") && !refused
}

fn json(types: &[&ProblemType], base: &str) -> Bytes {
    json::write(|json| {
        json.raw("{\"problems\":");
        for (n, kind) in types.iter().enumerate() {
            json.raw(if n == 0 { "[{" } else { ",{" });
            entry(json, kind, base);
            json.raw("}");
        }
        json.raw("]}");
    })
}

fn entry(json: &mut Writer<'_>, kind: &ProblemType, base: &str) {
    json.member("name", kind.name());
    json.name("type");
    match kind.registered_uri() {
        Some(uri) => json.string(uri),
        None => json.strings([base, kind.name()]),
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
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, accept: &str) -> Response<Bytes> {
        let problems = Problems::builder().base("https://api.example.com").build();
        let request = Request::get(path).header(ACCEPT, accept);
        problems.unwrap().pages().answer(&request.body(()).unwrap())
    }

    fn content_type(accept: &str) -> String {
        let answer = get("/problems", accept);
        assert_eq!(answer.headers()[VARY], "accept");
        answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned()
    }

    #[test]
    fn html_is_for_who_asks_for_it() {
        for accept in ["text/html", "application/xml, Text/HTML;q=0.9, */*", "text/html ; level=1"]
        {
            assert_eq!(content_type(accept), "text/html; charset=utf-8", "{accept}");
        }
        for accept in
            ["", "*/*", "application/json", "text/html;q=0", "text/html; q=0.000", "text/htmlx"]
        {
            assert_eq!(content_type(accept), "application/json", "{accept}");
        }
    }

    #[test]
    fn a_page_names_the_type_as_its_problems_do() {
        for (name, uri) in [
            ("timeout", "https://api.example.com/problems/timeout"),
            ("quota-exceeded", "https://iana.org/assignments/http-problem-types#quota-exceeded"),
        ] {
            let page = get(&format!("/problems/{name}"), "*/*");
            let page: serde_json::Value = serde_json::from_slice(page.body()).unwrap();
            assert_eq!(page["problems"].as_array().unwrap().len(), 1);
            assert_eq!(page["problems"][0]["name"], name);
            assert_eq!(page["problems"][0]["type"], uri);
        }
    }

    #[test]
    fn a_page_that_is_not_there_is_a_problem() {
        assert_eq!(get("/problems/none", "text/html").status(), 404);
        for path in ["/problems", "/problems/", "/", "/api/problems"] {
            assert_eq!(get(path, "*/*").status(), 200, "{path}");
        }
    }
}
