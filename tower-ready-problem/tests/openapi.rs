//! What we render is what we say that we render.

#![cfg(feature = "utoipa")]
#![allow(clippy::exhaustive_structs, unused_qualifications, reason = "what utoipa's macros write")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{convert::Infallible, error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_ready_problem::{Caller, Problem, ProblemResponses, ProblemType, Problems, types};
use utoipa::{Modify, OpenApi, PartialSchema};

// --- a validator for as much of JSON Schema as is used, which trips over anything else ---

fn violations(schema: &Json, value: &Json, at: &str, found: &mut Vec<String>) {
    let mut check = |fine: bool, rule: &str| {
        if !fine {
            found.push(format!("{at} breaks {rule}: {value}"));
        }
    };
    let text = value.as_str();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" => check(
                match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("unknown type {other}"),
                },
                keyword,
            ),
            "format" => {
                assert_eq!(rule, "uri-reference");
                check(text.is_none_or(is_uri_reference), keyword);
            }
            "pattern" => check(
                text.is_none_or(|text| match rule.as_str().unwrap() {
                    "^[A-Z][A-Z0-9_]*$" => {
                        let word = |c: char| matches!(c, 'A'..='Z' | '0'..='9' | '_');
                        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(word)
                    }
                    "^[0-9a-f]{32}$" => {
                        text.len() == 32 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
                    }
                    other => panic!("unknown pattern {other}"),
                }),
                keyword,
            ),
            "minimum" => check(value.as_u64().is_none_or(|n| n >= rule.as_u64().unwrap()), keyword),
            "maximum" => check(value.as_u64().is_none_or(|n| n <= rule.as_u64().unwrap()), keyword),
            "required" => {
                for name in rule.as_array().unwrap() {
                    check(value.get(name.as_str().unwrap()).is_some(), &format!("required {name}"));
                }
            }
            "additionalProperties" => assert_eq!(rule, true),
            "properties" | "items" | "description" | "default" | "examples" => {}
            other => panic!("unknown keyword {other}"),
        }
    }
    if let Some(items) = schema.get("items") {
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            violations(items, item, &format!("{at}/{n}"), found);
        }
    }
    for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten()
    {
        if let Some(value) = value.get(name) {
            violations(property, value, &format!("{at}/{name}"), found);
        }
    }
}

/// RFC 3986 §4.1, as far as it can be told from characters, and nothing that leads to another host.
fn is_uri_reference(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%#".contains(&byte);
    let mut escapes = text.split('%').skip(1);
    let escaped =
        |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    text.bytes().all(plain)
        && escapes.all(escaped)
        && text.matches('#').count() <= 1
        && !text.starts_with("//")
}

/// The form of RFC 9457 §3.1, in our own words.
fn standard() -> Json {
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 100, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
        },
        "additionalProperties": true,
    })
}

#[track_caller]
fn assert_valid(body: &[u8]) {
    let value: Json = serde_json::from_slice(body).unwrap();
    let ours = serde_json::to_value(Problem::schema()).unwrap();
    let mut found = Vec::new();
    violations(&standard(), &value, "standard", &mut found);
    violations(&ours, &value, "ours", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

// --- everything that we render ---

static OUT_OF_STOCK: ProblemType =
    ProblemType::new("out-of-stock", StatusCode::CONFLICT, "The item is out of stock");

fn full() -> Problem {
    Problem::new(&types::QUOTA_EXCEEDED)
        .detail("spent: 100 % \u{2713} \"\\\u{0}")
        .violation("/two words/100%/\u{2713}#", "no")
        .violation("", "")
        .violated_policy("daily")
        .retry_after(Duration::from_secs(3))
        .with("plan", "free")
        .with("rate", f64::NAN)
        .with("debt", -1)
        .with_json("list", &[1, 2])
        .internal("hidden")
}

#[test]
fn a_problem_of_every_type_is_valid() {
    for kind in types::ALL.into_iter().chain([&OUT_OF_STOCK]) {
        assert_valid(&Problem::new(kind).to_json());
    }
}

#[test]
fn a_problem_of_every_status_is_valid() {
    for status in 100..1_000 {
        assert_valid(&Problem::status(StatusCode::from_u16(status).unwrap()).to_json());
    }
}

#[test]
fn a_problem_with_everything_is_valid() {
    assert_valid(&full().to_json());
}

fn caller(path: &str) -> Option<Caller> {
    let request = Request::get(path)
        .header("x-request-id", "7f3a")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    Some(Caller::of(&request.body(()).ok()?))
}

#[test]
fn the_path_of_any_request_is_a_valid_instance() {
    for path in [
        "/",
        "//evil.example/x",
        "///",
        "/a%20b",
        "/{id}|\"",
        "/[::1]",
        "/a^b`c",
        "/caf\u{e9}",
        "*",
    ] {
        if let Some(caller) = caller(path) {
            assert_valid(full().answer(&caller).body());
        }
    }
}

proptest! {
    #[test]
    fn whatever_a_host_takes_for_a_path_is_a_valid_instance(path in "/[ -~]{0,12}") {
        // An escape that is none is the client's own, and stays.
        prop_assume!(!path.contains('%'));
        if let Some(caller) = caller(&path) {
            assert_valid(full().answer(&caller).body());
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

/// What the layer makes of an answer.
async fn behind_the_layer(
    problems: &Problems,
    result: Result<Response<Full<Bytes>>, BoxError>,
) -> Bytes {
    let mut result = Some(result);
    let service = ServiceBuilder::new()
        .layer(problems.layer())
        .service_fn(move |_: Request<()>| std::future::ready(result.take().unwrap()));
    let request = Request::get("/orders/7").body(()).unwrap();
    let answer: Result<_, Infallible> = service.oneshot(request).await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    answer.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn whatever_the_layer_answers_is_valid() {
    let from = Problems::builder;
    for builder in [
        from(),
        from().base("https://api.example.com/v1"),
        from().occurrence_urns(true),
        from().expose_internals(true),
    ] {
        let problems = builder.build().unwrap();
        for status in [400, 404, 413, 415, 429, 499, 500, 503, 599, 600, 999] {
            let bare = Response::builder().status(status);
            let body = bare.body(Full::from("no \u{2713}\n")).unwrap();
            assert_valid(&behind_the_layer(&problems, Ok(body)).await);
        }
        let ours = full().answer(&caller("/inner").unwrap()).map(Full::new);
        assert_valid(&behind_the_layer(&problems, Ok(ours)).await);
        assert_valid(&behind_the_layer(&problems, Err("hidden".into())).await);
        assert_valid(&behind_the_layer(&problems, Err(full().into())).await);
    }
}

#[test]
fn what_is_not_a_problem_is_not_valid() {
    for wrong in [
        json!({}),
        json!([]),
        json!({"type": "about:blank", "title": "x", "status": "404", "code": "X"}),
        json!({"type": "about:blank", "title": "x", "status": 200, "code": "X"}),
        json!({"type": "two words", "title": "x", "status": 404, "code": "X"}),
        json!({"type": "about:blank", "title": "x", "status": 404, "code": "x"}),
        json!({"type": "about:blank", "title": "x", "status": 404, "code": "X", "trace_id": "0"}),
        json!({"type": "about:blank", "title": "x", "status": 404, "code": "X", "errors": [{}]}),
        json!({"type": "about:blank", "title": "x", "status": 404, "code": "X", "instance": "//x"}),
    ] {
        let ours = serde_json::to_value(Problem::schema()).unwrap();
        let mut found = Vec::new();
        violations(&ours, &wrong, "", &mut found);
        assert!(!found.is_empty(), "{wrong}");
    }
}

#[test]
fn no_member_is_written_twice() {
    let problem = ["type", "violated-policies", "errors", "internal", "code"]
        .into_iter()
        .fold(full(), |problem, name| problem.with(name, "mine"));
    let text = String::from_utf8(problem.to_json().to_vec()).unwrap();
    assert!(!text.contains("mine"), "{text}");
    assert_valid(text.as_bytes());
}

// --- the document ---

/// Reads an order.
#[utoipa::path(get, path = "/orders/{id}", responses(
    (status = 200, body = String),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
#[expect(dead_code, reason = "the attribute is what is tested")]
async fn read() {}

/// Has a response for every failure already.
#[utoipa::path(post, path = "/orders/{id}", responses(
    (status = "4XX", description = "own"),
))]
#[expect(dead_code, reason = "the attribute is what is tested")]
async fn change() {}

/// Has a response for everything already.
#[utoipa::path(delete, path = "/orders/{id}", responses((status = "default", description = "own")))]
#[expect(dead_code, reason = "the attribute is what is tested")]
async fn remove() {}

#[derive(OpenApi)]
#[openapi(paths(read, change, remove), modifiers(&ProblemResponses))]
struct Api;

#[test]
fn every_operation_of_a_document_names_its_problems() {
    let api = serde_json::to_value(Api::openapi()).unwrap();
    let reference = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    let path = &api["paths"]["/orders/{id}"];
    let read = &path["get"]["responses"];
    for status in ["409", "4XX", "5XX"] {
        assert_eq!(read[status]["content"]["application/problem+json"], reference, "{status}");
    }
    assert_eq!(path["post"]["responses"]["4XX"]["description"], "own");
    assert_eq!(path["post"]["responses"]["5XX"]["content"]["application/problem+json"], reference);
    assert_eq!(path["delete"]["responses"].as_object().unwrap().len(), 1);
    let schema = serde_json::to_value(Problem::schema()).unwrap();
    assert_eq!(api["components"]["schemas"]["Problem"], schema);
}

#[test]
fn a_schema_of_the_users_own_stays() {
    let mut api = Api::openapi();
    let own = utoipa::openapi::ObjectBuilder::new().description(Some("own"));
    let schemas = &mut api.components.as_mut().unwrap().schemas;
    schemas.insert("Problem".to_owned(), own.into());
    ProblemResponses.modify(&mut api);
    let api = serde_json::to_value(api).unwrap();
    assert_eq!(api["components"]["schemas"]["Problem"]["description"], "own");
}

#[test]
fn the_response_of_a_type_shows_a_valid_example() {
    let response = serde_json::to_value(OUT_OF_STOCK.openapi_response()).unwrap();
    assert_eq!(response["description"], "The item is out of stock");
    let content = &response["content"]["application/problem+json"];
    assert_eq!(content["example"]["code"], "OUT_OF_STOCK");
    assert_valid(content["example"].to_string().as_bytes());
}
