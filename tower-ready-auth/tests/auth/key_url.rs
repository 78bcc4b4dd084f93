//! Keys from a URL, when its server is well and when it is not.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{AuthLayer, ConfigErrorKind, JwtVerifier, KeyUrl, KeyUrlBuilder};

use crate::support::{EC, HMAC, RSA, Signer, builder, jwks, with};

/// A server of keys that does what it is told.
#[derive(Clone)]
struct Keys {
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicUsize>,
    hit: Arc<Notify>,
    url: String,
}

#[derive(Clone)]
enum Answer {
    Json(String),
    With(StatusCode, &'static str, String, String),
    Never,
}

impl Keys {
    async fn serve(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = Self {
            answer: Arc::new(Mutex::new(answer)),
            hits: Arc::default(),
            hit: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let served = keys.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keys = served.clone();
                let service =
                    hyper::service::service_fn(move |request| keys.clone().answer(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        keys
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.hits.fetch_add(1, Ordering::SeqCst);
        self.hit.notify_waiters();
        let answer = self.answer.lock().unwrap().clone();
        let mut response = Response::new(Full::default());
        match answer {
            Answer::Json(json) => {
                let etag = format!("\"{}\"", json.len());
                if request.headers().get("if-none-match").is_some_and(|it| *it == *etag) {
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                } else {
                    *response.body_mut() = Full::from(json);
                }
                response.headers_mut().insert("etag", etag.parse().unwrap());
            }
            Answer::With(status, header, value, body) => {
                *response.status_mut() = status;
                response.headers_mut().insert(header, value.parse().unwrap());
                *response.body_mut() = Full::from(body);
            }
            Answer::Never => std::future::pending().await,
        }
        Ok(response)
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    fn builder(&self) -> KeyUrlBuilder {
        let timeout = Duration::from_millis(500);
        KeyUrl::builder(&format!("{}/keys", self.url))
            .allow_http()
            .allow_private_addresses()
            .timeout(timeout)
    }
}

fn set_of(signers: &[(&Signer, &str)]) -> Answer {
    let keys: Vec<_> = signers.iter().map(|(signer, id)| signer.jwk(Some(id))).collect();
    Answer::Json(jwks(&keys))
}

fn token(signer: &Signer, id: &str) -> String {
    signer.token_with(&json!({ "kid": id }), &with(&[]))
}

fn verifier(keys: &KeyUrl) -> JwtVerifier {
    builder(&EC).keys(keys.clone()).build().unwrap()
}

/// Through the layer, since it is that which waits for keys.
async fn status(verifier: &JwtVerifier, token: &str) -> u16 {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let auth = tower_ready_auth::Auth::builder().jwt(verifier.clone()).no_throttle();
    let service = AuthLayer::new(auth.build().unwrap()).layer(inner);
    let mut request = Request::new(());
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", value);
    service.oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_first_token_after_a_rotation_is_good() {
    let server = Keys::serve(set_of(&[(&EC, "old")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "old")).await, 200);
    let new = Signer::ec("P-256");
    server.set(set_of(&[(&EC, "old"), (&new, "new")]));
    assert_eq!(status(&verifier, &token(&new, "new")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "old")).await, 200);
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_key_that_was_replaced_under_its_id_is_found_too() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let new = Signer::ec("P-256");
    server.set(set_of(&[(&new, "a"), (&RSA, "b")]));
    assert_eq!(status(&verifier, &token(&new, "a")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 401);
}

#[tokio::test]
async fn a_flood_of_unknown_ids_makes_one_fetch() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let stranger = Signer::ec("P-256");
    let flood: Vec<_> = (0..200)
        .map(|n| {
            let (verifier, token) = (verifier.clone(), token(&stranger, &format!("id-{n}")));
            tokio::spawn(async move { status(&verifier, &token).await })
        })
        .collect();
    for request in flood {
        assert_eq!(request.await.unwrap(), 401);
    }
    for n in 0..20 {
        assert_eq!(status(&verifier, &token(&stranger, &format!("more-{n}"))).await, 401);
        assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    }
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn the_last_good_set_outlives_each_kind_of_failure() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().max_len(64 * 1_024).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let other = Keys::serve(set_of(&[(&RSA, "evil")])).await;
    let plain =
        |status, body: &str| Answer::With(status, "x-nothing", "1".to_owned(), body.to_owned());
    for answer in [
        plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        plain(StatusCode::OK, "<html>sign in</html>"),
        plain(StatusCode::OK, r#"{"keys":[]}"#),
        plain(StatusCode::OK, &format!("{} x", jwks(&[RSA.jwk(Some("b"))]))),
        plain(StatusCode::OK, &" ".repeat(5 * 1_024 * 1_024)),
        plain(StatusCode::NOT_MODIFIED, ""),
        plain(StatusCode::OK, &jwks(&[HMAC.jwk(Some("secret"))])),
        Answer::With(StatusCode::FOUND, "location", other.url.clone(), String::new()),
        Answer::Never,
    ] {
        server.set(answer);
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
        assert_eq!(keys.keys().unwrap().len(), 1);
    }
    assert_eq!(other.hits(), 0, "no redirect is followed");
    server.set(set_of(&[(&RSA, "b")]));
    keys.refresh().await;
    assert_eq!(status(&verifier, &token(&RSA, "b")).await, 200);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 401, "its key is gone");
}

#[tokio::test]
async fn without_keys_the_answer_is_unavailable() {
    let server = Keys::serve(Answer::Json("{}".to_owned())).await;
    let keys = server.builder().build().unwrap();
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 503);
    assert!(!keys.is_ready());
    server.set(set_of(&[(&EC, "a")]));
    keys.refresh().await;
    assert!(keys.is_ready());
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
}

#[tokio::test]
async fn a_set_that_nobody_vouches_for_is_forgotten() {
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let keys = server.builder().max_stale(Duration::ZERO).build().unwrap();
    server.set(Answer::Never);
    let verifier = verifier(&keys);
    while keys.keys().is_some() {
        tokio::task::yield_now().await;
    }
    keys.refresh().await;
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 503);
}

#[tokio::test]
async fn an_issuer_names_its_own_keys_and_no_others() {
    let server = Keys::serve(Answer::Never).await;
    let issuer = server.url.clone();
    let discover = || {
        KeyUrl::discover(&issuer)
            .allow_http()
            .allow_private_addresses()
            .timeout(Duration::from_millis(500))
            .build()
            .unwrap()
    };
    let other = Keys::serve(set_of(&[(&EC, "a")])).await;
    for metadata in [
        json!({"issuer": format!("{issuer}/"), "jwks_uri": format!("{issuer}/keys")}),
        json!({"issuer": issuer, "jwks_uri": format!("{}/keys", other.url)}),
        json!({"issuer": issuer, "jwks_uri": "file:///etc/passwd"}),
        json!({"issuer": issuer}),
    ] {
        server.set(Answer::Json(metadata.to_string()));
        let keys = discover();
        keys.refresh().await;
        assert!(!keys.is_ready(), "{metadata}");
    }
    assert_eq!(other.hits(), 0);
    // Metadata and set in one, since the server answers alike at both places.
    let mut both = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
    both["keys"] = json!([EC.jwk(Some("a"))]);
    server.set(Answer::Json(both.to_string()));
    let keys = discover();
    keys.ready().await;
    assert_eq!(status(&verifier(&keys), &token(&EC, "a")).await, 200);
}

#[tokio::test]
async fn addresses_and_schemes_are_refused_unless_allowed() {
    let kind = |builder: KeyUrlBuilder| builder.build().unwrap_err().kind();
    let url = |text: &str| KeyUrl::builder(text);
    assert_eq!(kind(url("http://issuer.example/keys")), ConfigErrorKind::PlainKeyUrl);
    assert_eq!(kind(url("https://10.0.0.1/keys")), ConfigErrorKind::PrivateKeyUrl);
    assert_eq!(kind(KeyUrl::discover("ftp://issuer.example")), ConfigErrorKind::KeyUrl);

    // A name is judged by the addresses that it leads to.
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let by_name = server.url.replace("127.0.0.1", "localhost");
    let keys = url(&format!("{by_name}/keys")).allow_http().build().unwrap();
    keys.refresh().await;
    assert!(!keys.is_ready());
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_runtime_is_needed() {
    let error = KeyUrl::builder("https://issuer.example/keys").build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoRuntime);
}
