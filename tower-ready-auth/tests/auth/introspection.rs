//! Tokens that their issuer is asked about.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{
    Auth, ConfigErrorKind, CredentialKind, Introspection, IntrospectionBuilder, Principal,
    RevocationList,
};

use crate::support::{HMAC, hmac_verifier, now};

/// An issuer that knows some tokens. It answers as soon as it has an answer.
#[derive(Clone)]
struct Issuer {
    answer: watch::Sender<Option<(StatusCode, String)>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    hits: watch::Sender<usize>,
    url: String,
}

impl Issuer {
    async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            answer: watch::Sender::default(),
            asked: Arc::default(),
            hits: watch::Sender::default(),
            url: format!("http://{}/introspect", listener.local_addr().unwrap()),
        };
        let served = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let issuer = served.clone();
                let service =
                    hyper::service::service_fn(move |request| issuer.clone().answer(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        issuer
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let basic = request.headers()["authorization"].to_str().unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.asked.lock().unwrap().push((basic, String::from_utf8(body.to_vec()).unwrap()));
        self.hits.send_modify(|hits| *hits += 1);
        let mut answers = self.answer.subscribe();
        let answer = answers.wait_for(Option::is_some).await.unwrap().clone();
        let (status, body) = answer.unwrap();
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        Ok(response)
    }

    fn set(&self, answer: &Value) {
        self.answer.send_replace(Some((StatusCode::OK, answer.to_string())));
    }

    fn hits(&self) -> usize {
        *self.hits.borrow()
    }

    async fn until_asked(&self, times: usize) {
        self.hits.subscribe().wait_for(|hits| *hits >= times).await.unwrap();
    }

    fn builder(&self) -> IntrospectionBuilder {
        Introspection::builder(&self.url)
            .client("orders", "pass:word")
            .audience("orders")
            .timeout(Duration::from_secs(20))
            .allow_http()
            .allow_private_addresses()
    }
}

fn good() -> Value {
    json!({"active": true, "sub": "alice", "aud": "orders", "exp": now() + 300, "scope": "a b"})
}

async fn ask(auth: &Auth, token: &str) -> (u16, Option<Principal>) {
    let seen = Arc::new(Mutex::new(None));
    let inside = Arc::clone(&seen);
    let inner = service_fn(move |request: Request<()>| {
        *inside.lock().unwrap() = Principal::of(request.extensions()).cloned();
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let service = auth.layer().layer(inner);
    let mut request = Request::new(());
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let status = service.oneshot(request).await.unwrap().status().as_u16();
    let principal = seen.lock().unwrap().take();
    (status, principal)
}

fn auth(introspection: IntrospectionBuilder) -> Auth {
    let introspection = introspection.build().unwrap();
    Auth::builder().introspection(introspection).no_throttle().build().unwrap()
}

#[tokio::test]
async fn the_issuer_is_asked_once_in_a_while() {
    let issuer = Issuer::serve().await;
    issuer.set(&good());
    let offset = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&offset);
    let builder = issuer
        .builder()
        .clock(move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed)));
    let auth = auth(builder);
    for _ in 0..5 {
        let (status, principal) = ask(&auth, "opaque+/=1").await;
        assert_eq!(status, 200);
        let principal = principal.unwrap();
        assert_eq!((principal.kind(), principal.subject()), (CredentialKind::Opaque, "alice"));
        assert!(principal.scopes().contains("b"));
        assert_eq!(principal.read_claims::<Value>().unwrap()["aud"], "orders");
    }
    assert_eq!(issuer.hits(), 1);
    let (basic, form) = issuer.asked.lock().unwrap()[0].clone();
    // RFC 6749 §2.3.1: encoded as in a form, and then joined.
    assert_eq!(basic, "Basic b3JkZXJzOnBhc3MlM0F3b3Jk");
    assert_eq!(form, "token=opaque%2B%2F%3D1&token_type_hint=access_token");
    // After a minute it may have been revoked.
    offset.store(61, Ordering::Relaxed);
    issuer.set(&json!({"active": false}));
    assert_eq!(ask(&auth, "opaque+/=1").await.0, 401);
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn what_is_remembered_ends_with_the_token() {
    let issuer = Issuer::serve().await;
    let mut answer = good();
    answer["exp"] = json!(now() + 10);
    issuer.set(&answer);
    let offset = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&offset);
    let auth = auth(
        issuer
            .builder()
            .clock(move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::Relaxed))),
    );
    assert_eq!(ask(&auth, "t").await.0, 200);
    offset.store(45, Ordering::Relaxed);
    assert_eq!(ask(&auth, "t").await.0, 401);
    assert_eq!(issuer.hits(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_and_remembered() {
    let issuer = Issuer::serve().await;
    for (n, (name, value)) in [
        ("active", json!(false)),
        ("aud", json!("other")),
        ("aud", json!(null)),
        ("exp", json!(now() - 60)),
        ("exp", json!("soon")),
        ("nbf", json!(now() + 60)),
        ("iss", json!("https://other.example")),
        ("sub", json!("")),
        ("token_type", json!("refresh_token")),
        ("cnf", json!({"jkt": "x"})),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = good();
        answer["iss"] = json!("https://issuer.example");
        answer[name] = value;
        issuer.set(&answer);
        let auth = auth(issuer.builder().issuer("https://issuer.example"));
        for _ in 0..3 {
            assert_eq!(ask(&auth, "t").await.0, 401, "{answer}");
        }
        assert_eq!(issuer.hits(), n + 1);
    }
    // What is no token by its form is not asked about.
    let auth = auth(issuer.builder());
    let hits = issuer.hits();
    for token in ["a b", "a\"b", &"x".repeat(9_000)] {
        assert_eq!(ask(&auth, token).await.0, 401);
    }
    assert_eq!(issuer.hits(), hits);
}

#[tokio::test]
async fn an_issuer_that_is_no_help_lets_nobody_pass() {
    let issuer = Issuer::serve().await;
    let auth = auth(issuer.builder().timeout(Duration::from_secs(2)));
    let answers = [
        None,
        Some((StatusCode::INTERNAL_SERVER_ERROR, good().to_string())),
        Some((StatusCode::UNAUTHORIZED, good().to_string())),
        Some((StatusCode::FOUND, good().to_string())),
        Some((StatusCode::OK, "<html>".to_owned())),
        Some((StatusCode::OK, json!({"active": "true"}).to_string())),
        Some((StatusCode::OK, json!({}).to_string())),
        Some((StatusCode::OK, " ".repeat(1 << 20))),
    ];
    for answer in answers {
        issuer.answer.send_replace(answer);
        assert_eq!(ask(&auth, "t").await.0, 503);
    }
    // None of that is remembered.
    issuer.set(&good());
    assert_eq!(ask(&auth, "t").await.0, 200);
}

/// A page that loads twenty things at a time comes twenty times with one new token.
#[tokio::test]
async fn those_who_come_with_one_token_at_a_time_ask_once() {
    let issuer = Issuer::serve().await;
    let auth = auth(issuer.builder().timeout(Duration::from_secs(60)));
    let come = || {
        let auth = auth.clone();
        tokio::spawn(async move { ask(&auth, "t").await.0 })
    };
    let first = come();
    issuer.until_asked(1).await;
    let others: Vec<_> = (0..20).map(|_| come()).collect();
    // The caller that asked for all of them hangs up, and another one asks.
    first.abort();
    issuer.until_asked(2).await;
    issuer.set(&good());
    for other in others {
        assert_eq!(other.await.unwrap(), 200);
    }
    assert_eq!(ask(&auth, "t").await.0, 200);
    assert_eq!(issuer.hits(), 2);

    // A failure is that of all who wait, and of nobody after them.
    issuer.answer.send_replace(None);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let auth = auth.clone();
            tokio::spawn(async move { ask(&auth, "u").await.0 })
        })
        .collect();
    issuer.until_asked(3).await;
    // All of them have: they ran before the one thread looked at its sockets.
    issuer.answer.send_replace(Some((StatusCode::BAD_GATEWAY, String::new())));
    for one in waiting {
        assert_eq!(one.await.unwrap(), 503);
    }
    assert_eq!(issuer.hits(), 3);
    issuer.set(&good());
    assert_eq!(ask(&auth, "u").await.0, 200);
}

#[tokio::test]
async fn what_looks_like_a_jwt_is_checked_as_one() {
    let issuer = Issuer::serve().await;
    issuer.set(&good());
    let builder = Auth::builder().jwt(hmac_verifier()).revocation(RevocationList::new());
    let auth = builder.introspection(issuer.builder().build().unwrap()).build().unwrap();
    assert_eq!(ask(&auth, &HMAC.of("bob", "a")).await.1.unwrap().subject(), "bob");
    assert_eq!(ask(&auth, "a.b.c").await.0, 401);
    assert_eq!(issuer.hits(), 0);
    assert_eq!(ask(&auth, "opaque").await.1.unwrap().subject(), "alice");
    assert_eq!(issuer.hits(), 1);
}

#[tokio::test]
async fn settings_are_checked_and_show_no_password() {
    let builder = || Introspection::builder("https://issuer.example/introspect");
    let kind = |builder: IntrospectionBuilder| builder.build().unwrap_err().kind();
    assert_eq!(kind(builder().audience("a")), ConfigErrorKind::NoClient);
    assert_eq!(kind(builder().client("", "p").audience("a")), ConfigErrorKind::NoClient);
    assert_eq!(kind(builder().client("a", "p")), ConfigErrorKind::NoAudience);
    let plain = Introspection::builder("http://issuer.example/introspect");
    assert_eq!(kind(plain.client("a", "p").audience("a")), ConfigErrorKind::PlainKeyUrl);
    let builder = builder().client("me", "pass-K-4711").any_audience();
    assert!(!format!("{builder:?}").contains("K-4711"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("K-4711"));
}
