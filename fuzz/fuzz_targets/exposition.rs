//! Whatever the name of a route is, every line of a scrape is whole, and the name reads back.

#![no_main]

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::ACCEPT};
use http_body::Body;
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower_layer::Layer;
use tower_ready_core::Route;
use tower_ready_obs::Metrics;
use tower_service::Service;

fuzz_target!(|data: &[u8]| {
    let Some((&first, route)) = data.split_first() else { return };
    let Ok(route) = std::str::from_utf8(route) else { return };
    let metrics = Metrics::builder().build().unwrap();
    let mut request = Request::new(());
    request.extensions_mut().insert(Route::from(route));
    read(metrics.layer().layer(Answers), request);

    let mut scrape = Request::new(());
    if first % 2 == 1 {
        let accept = HeaderValue::from_static("application/openmetrics-text;version=1.0.0");
        scrape.headers_mut().insert(ACCEPT, accept);
    }
    let page = String::from_utf8(read(metrics.scrape_service(), scrape)).expect("text");
    assert!(page.ends_with('\n'));
    let mut routes = 0;
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = sample(line).unwrap_or_else(|| panic!("no sample: {line:?}"));
        if name == "http_server_request_duration_seconds_count" {
            let named = labels.iter().find(|(label, _)| *label == "http_route");
            assert_eq!(named.map(|(_, route)| route.as_str()).unwrap_or_default(), route, "{line:?}");
            routes += 1;
        }
    }
    assert_eq!(routes, 1, "{page}");
});

/// The name and the labels of a line, if it is one sample and nothing else.
fn sample(line: &str) -> Option<(&str, Vec<(&str, String)>)> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = Vec::new();
    if let Some(mut list) = rest.strip_prefix('{') {
        while !list.starts_with('}') {
            let (label, value) = list.split_once("=\"")?;
            let (value, after) = quoted(value)?;
            labels.push((label, value));
            list = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &list[1..];
    }
    let value: f64 = rest.strip_prefix(' ')?.parse().ok()?;
    let is_good = is_name(name) && labels.iter().all(|(label, _)| is_name(label));
    (is_good && !value.is_nan()).then_some((name, labels))
}

/// A text to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            (_, char) => value.push(char),
        }
    }
}

struct Answers;

impl Service<Request<()>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
    }
}

fn read<S, B>(mut service: S, request: Request<()>) -> Vec<u8>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(answer)) = pin!(service.call(request)).poll(context) else {
        panic!("no answer");
    };
    let (mut body, mut all) = (pin!(answer.into_body()), Vec::new());
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(context) {
        all.extend(frame.into_data().unwrap_or_default());
    }
    all
}
