//! Keys from a URL, when its server is well and when it is not.

use std::{
    convert::Infallible,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::Notify};
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{AuthLayer, ConfigErrorKind, JwtVerifier, KeyError, KeyUrl, KeyUrlBuilder};

use crate::{
    keys::File,
    support::{EC, HMAC, RSA, Signer, builder, jwks, with},
};

/// A server of keys that does what it is told.
#[derive(Clone)]
struct Keys {
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicUsize>,
    hit: Arc<Notify>,
    /// The path and the credentials of the last request.
    last: Arc<Mutex<(String, Option<HeaderValue>)>>,
    url: String,
}

#[derive(Clone)]
enum Answer {
    Json(String),
    With(StatusCode, &'static str, String, String),
    /// At this path alone.
    Only(&'static str, String),
    Never,
}

impl Keys {
    async fn serve(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = Self {
            answer: Arc::new(Mutex::new(answer)),
            hits: Arc::default(),
            hit: Arc::default(),
            last: Arc::default(),
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
        let bearer = request.headers().get("authorization").cloned();
        let path = request.uri().path().to_owned();
        *self.last.lock().unwrap() = (path.clone(), bearer);
        self.hit.notify_waiters();
        let answer = self.answer.lock().unwrap().clone();
        let mut response = Response::new(Full::default());
        match answer {
            Answer::Json(json) => {
                let etag = format!(
                    "\"{:x}\"",
                    BuildHasherDefault::<DefaultHasher>::default().hash_one(&json)
                );
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
            Answer::Only(only, json) if path == only => *response.body_mut() = Full::from(json),
            Answer::Only(..) => *response.status_mut() = StatusCode::NOT_FOUND,
            Answer::Never => std::future::pending().await,
        }
        Ok(response)
    }

    /// The same behind TLS, and its URL.
    async fn serve_tls(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let keys = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keys, acceptor) = (keys.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service =
                        hyper::service::service_fn(move |request| keys.clone().answer(request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        format!("https://{address}/keys")
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
    let flood: Vec<_> = (0..1_000)
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
        plain(StatusCode::NOT_FOUND, ""),
        Answer::With(
            StatusCode::OK,
            "content-type",
            "text/html".to_owned(),
            jwks(&[RSA.jwk(Some("evil"))]),
        ),
        Answer::With(StatusCode::TOO_MANY_REQUESTS, "retry-after", "60".to_owned(), String::new()),
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

/// Headers that come at once, and a body that never ends.
#[tokio::test]
async fn a_body_that_drips_takes_no_longer_than_all_of_it_may() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{";
                let _ = stream.write_all(head).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    let builder = KeyUrl::builder(&url).allow_http().allow_private_addresses();
    let keys = builder.max_len(1 << 30).timeout(Duration::from_millis(300)).build().unwrap();
    keys.refresh().await;
    assert!(!keys.is_ready());
}

#[tokio::test]
async fn a_mixed_set_is_used_but_for_its_secrets_and_private_parts() {
    let mut private = EC.jwk(Some("a"));
    private["d"] = json!("c2VjcmV0LTQ3MTE");
    let set = [private, HMAC.jwk(Some("secret")), json!({"kty": "XYZ", "kid": "x"})];
    let server = Keys::serve(Answer::Json(jwks(&set))).await;
    let keys = server.builder().build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    assert_eq!(status(&verifier, &token(&EC, "a")).await, 200);
    assert_eq!(status(&verifier, &token(&HMAC, "secret")).await, 401);
    let set = keys.keys().unwrap();
    let skipped: Vec<_> = set.skipped().iter().map(|it| (it.key_id(), it.error())).collect();
    assert_eq!(
        skipped,
        [(Some("secret"), KeyError::SecretAmongPublic), (Some("x"), KeyError::Unknown)]
    );
    assert!(!format!("{keys:?} {set:?}").contains("c2VjcmV0"));
}

#[tokio::test]
async fn a_key_that_is_gone_has_its_grace_if_it_is_given_one() {
    let new = Signer::ec("P-256");
    for (grace, expected) in [(Duration::ZERO, 401), (Duration::from_secs(600), 200)] {
        let server = Keys::serve(set_of(&[(&EC, "old")])).await;
        let keys = server.builder().grace(grace).build().unwrap();
        keys.ready().await;
        let verifier = verifier(&keys);
        server.set(set_of(&[(&new, "new")]));
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&new, "new")).await, 200);
        assert_eq!(status(&verifier, &token(&EC, "old")).await, expected);
        // A failure in between changes nothing.
        server.set(Answer::Json("{".to_owned()));
        keys.refresh().await;
        assert_eq!(status(&verifier, &token(&EC, "old")).await, expected);
    }
}

/// Rotation, outages and a flood of ids that nobody has, all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_good_token_is_refused() {
    let server = Keys::serve(set_of(&[(&EC, "0")])).await;
    let keys = server.builder().cooldown(Duration::from_secs(3_600)).build().unwrap();
    keys.ready().await;
    let verifier = verifier(&keys);
    let load = || {
        let requests = (0..20).flat_map(|n| {
            let good = EC.token_with(&json!({ "kid": "0" }), &with(&[("n", json!(n))]));
            [(good, 200), (token(&RSA, &format!("unknown-{n}")), 401)]
        });
        let tasks: Vec<_> = requests
            .map(|(token, expected)| {
                let verifier = verifier.clone();
                tokio::spawn(async move { assert_eq!(status(&verifier, &token).await, expected) })
            })
            .collect();
        async move {
            for task in tasks {
                task.await.unwrap();
            }
        }
    };
    let mut refreshed = 0;
    for round in 1..3 {
        let next = Signer::ec("P-256");
        let id = round.to_string();
        for answer in [
            Answer::With(StatusCode::BAD_GATEWAY, "x", "1".to_owned(), String::new()),
            Answer::Json(r#"{"keys":[]}"#.to_owned()),
            Answer::Json("x".repeat(5 * 1_024 * 1_024)),
            Answer::Never,
            set_of(&[(&EC, "0"), (&next, &id)]),
        ] {
            server.set(answer);
            tokio::join!(keys.refresh(), load());
            refreshed += 1;
        }
        assert_eq!(status(&verifier, &token(&next, &id)).await, 200);
    }
    // The first fetch, those of the test, and the one that strangers may ask for.
    assert!(server.hits() <= 1 + refreshed + 1, "{} fetches", server.hits());
}

#[tokio::test]
async fn metadata_are_found_where_either_standard_has_them() {
    let server = Keys::serve(Answer::Never).await;
    let issuer = format!("{}/tenant", server.url);
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{}/.well-known/oauth-authorization-server/tenant", server.url),
        "keys": [EC.jwk(Some("a"))],
    });
    let path = "/.well-known/oauth-authorization-server/tenant";
    server.set(Answer::Only(path, metadata.to_string()));
    let keys = KeyUrl::discover(&issuer).allow_http().allow_private_addresses().build().unwrap();
    keys.ready().await;
    assert_eq!(server.last.lock().unwrap().0, path);
    assert_eq!(server.hits(), 3);
}

#[tokio::test]
async fn a_cluster_has_an_authority_and_a_token_of_its_own() {
    let plain = Keys::serve(set_of(&[(&EC, "a")])).await;
    let url = plain.serve_tls().await;
    let token = File::new("bearer", "sa-token-K-4711\n");
    let authority = include_str!("tls/authority.pem");
    let builder = || KeyUrl::builder(&url).allow_private_addresses().bearer_file(&token.0);
    let keys = builder().trust_pem(authority).build().unwrap();
    keys.ready().await;
    let bearer = plain.last.lock().unwrap().1.clone();
    assert_eq!(bearer.unwrap(), "Bearer sa-token-K-4711");
    assert!(!format!("{keys:?}").contains("K-4711"));
    // Nobody else vouches for that server.
    let others = builder().trust_pem(include_str!("tls/server.pem"));
    let distrusting = others.timeout(Duration::from_millis(500)).build().unwrap();
    distrusting.refresh().await;
    assert!(!distrusting.is_ready());
    for pem in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
    {
        let error = builder().trust_pem(pem).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Certificates);
    }
}
