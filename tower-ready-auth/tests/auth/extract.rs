//! Principals as the handlers of axum and tonic take them.

use http::Request;
use serde_json::json;
use tower::{Layer, ServiceExt};
use tower_ready_auth::{Auth, AuthLayer, Principal};

use crate::support::{HMAC, hmac_verifier, with};

fn optional() -> AuthLayer {
    let auth = Auth::builder().jwt(hmac_verifier()).optional(true);
    auth.build().unwrap().layer()
}

fn request(token: Option<&str>, path: &str) -> Request<axum::body::Body> {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(axum::body::Body::empty()).unwrap()
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_handler_of_axum_takes_a_principal_or_perhaps_one() {
    use axum::{Router, routing::get};

    let named = |principal: Principal| async move { principal.subject().to_owned() };
    let perhaps = |principal: Option<Principal>| async move {
        principal.map_or_else(|| "nobody".to_owned(), |it| it.subject().to_owned())
    };
    let app = Router::new().route("/named", get(named)).route("/perhaps", get(perhaps));
    let token = HMAC.token(&with(&[("sub", json!("bob"))]));
    let guarded = app.clone().layer(optional());
    for (app, token, path, status, body) in [
        (&guarded, Some(&*token), "/named", 200, "bob"),
        (&guarded, Some(&token), "/perhaps", 200, "bob"),
        (&guarded, None, "/perhaps", 200, "nobody"),
        (&guarded, None, "/named", 401, "missing-credentials"),
        // Nobody has looked, so nobody can say.
        (&app, Some(&token), "/named", 500, "internal"),
        (&app, None, "/perhaps", 500, "internal"),
    ] {
        let answer = app.clone().oneshot(request(token, path)).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let text = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&text).contains(body), "{path} {text:?}");
    }
}

#[cfg(feature = "tonic")]
#[tokio::test]
async fn a_method_of_tonic_asks_who_calls() {
    use std::convert::Infallible;

    use http::Response;
    use http_body_util::Empty;

    /// What a method would see of a request, as the header of its answer.
    async fn method(
        request: Request<axum::body::Body>,
    ) -> Result<Response<Empty<bytes::Bytes>>, Infallible> {
        let call = tonic::Request::from_http(request);
        let seen = match Principal::of_call(&call) {
            Ok(principal) => principal.subject().to_owned(),
            Err(status) => format!("{:?}", status.code()),
        };
        let answer = Response::builder().header("x-seen", seen);
        Ok(answer.body(Empty::new()).unwrap())
    }

    let token = HMAC.of("alice", "a");
    let guarded = || optional().layer(tower::service_fn(method));
    let seen =
        |answer: Response<_>| -> String { answer.headers()["x-seen"].to_str().unwrap().to_owned() };
    let answer = guarded().oneshot(request(Some(&token), "/")).await.unwrap();
    assert_eq!(seen(answer.map(drop)), "alice");
    let answer = guarded().oneshot(request(None, "/")).await.unwrap();
    assert_eq!(seen(answer.map(drop)), "Unauthenticated");
    let alone = method(request(Some(&token), "/")).await.unwrap();
    assert_eq!(seen(alone.map(drop)), "Internal");
}
