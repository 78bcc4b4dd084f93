//! Nothing secret gets into logs, events, errors or `Debug`.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use serde_json::json;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_ready_auth::{ApiKeys, Auth, Event, MemoryKeys, Policy, Principal};
use tower_ready_testing::logs;

use crate::support::{EC, HMAC, SECRET, b64, builder, with};

#[tokio::test]
async fn captured_output_has_no_secret_in_it() {
    let captured = logs::capture();
    let shown = Arc::new(Mutex::new(String::new()));
    let events = Arc::clone(&shown);
    let store = MemoryKeys::new();
    let keys =
        ApiKeys::builder("acme", "live").store(store.clone()).pepper(SECRET).build().unwrap();
    let (key, record) = keys.generate("bob").unwrap();
    let record_shown = format!("{key:?} {record:?}");
    store.insert(record.clone()).unwrap();
    let auth = Auth::builder()
        .jwt(builder(&HMAC).build().unwrap())
        .api_keys(keys)
        .on_event(move |event: &Event<'_>| {
            events.lock().unwrap().push_str(&format!("{event:?} {}\n", event.kind.as_str()));
        })
        .build()
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(auth.layer())
        .layer(Policy::scope("orders:read").layer())
        .service(service_fn(|request: Request<Empty<Bytes>>| {
            let shown = format!("{:?} {request:?}", Principal::of(request.extensions()));
            async move {
                Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(
                    Bytes::from(shown),
                )))
            }
        }));

    let private = ("email", json!("alice@private.example"));
    let mut secrets =
        vec![key.as_str().to_owned(), b64(SECRET), "alice@private.example".to_owned()];
    secrets.push(String::from_utf8(SECRET.to_vec()).unwrap());
    let mut output = format!("{auth:?} {service:?} {record_shown}", service = auth.layer());
    for token in [
        HMAC.token(&with(std::slice::from_ref(&private))),
        HMAC.token(&with(&[private.clone(), ("aud", json!("other"))])),
        HMAC.token(&with(&[private.clone(), ("scope", json!("none"))])),
        HMAC.token(&with(&[private.clone(), ("exp", json!("alice@private.example"))])),
        EC.token(&with(&[private])),
        "only-nonsense-K-4711".to_owned(),
        key.as_str().to_owned(),
        format!("{}x", key.as_str()),
    ] {
        let request = Request::get("/orders?secret=query-4712")
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        output.push_str(&format!("{:?}", answer.headers()));
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        // The handler showed its request, which the credentials are marked in; the query is its own.
        output.push_str(&String::from_utf8_lossy(&body).replace("query-4712", ""));
        secrets.push(token.clone());
        secrets.extend(token.split('.').filter(|part| part.len() > 20).map(str::to_owned));
    }
    secrets.push("query-4712".to_owned());
    let logged = captured.text();
    assert!(!cfg!(feature = "tracing") || logged.contains("authn_login_fail"), "{logged}");
    output.push_str(&logged);
    output.push_str(&shown.lock().unwrap());
    for secret in secrets {
        assert!(!output.contains(&secret), "{secret} is shown in {output}");
    }
}
