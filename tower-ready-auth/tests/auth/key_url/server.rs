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
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{net::TcpListener, sync::Notify};
use tower_ready_auth::{KeyUrl, KeyUrlBuilder};

/// A server of keys that does what it is told.
#[derive(Clone)]
pub(super) struct Keys {
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicUsize>,
    /// The path and the credentials of the last request.
    pub(super) last: Arc<Mutex<(String, Option<HeaderValue>)>>,
    pub(super) url: String,
}

#[derive(Clone)]
pub(super) enum Answer {
    Json(String),
    With(StatusCode, &'static str, String, String),
    /// At this path alone.
    Only(&'static str, String),
    /// As it is now, but not before it is let go.
    Held(Arc<Notify>, String),
    Never,
}

impl Keys {
    pub(super) async fn serve(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = Self {
            answer: Arc::new(Mutex::new(answer)),
            hits: Arc::default(),
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
            Answer::Held(go, json) => {
                go.notified().await;
                *response.body_mut() = Full::from(json);
            }
            Answer::Never => std::future::pending().await,
        }
        Ok(response)
    }

    /// The same behind TLS, and its URL.
    pub(super) async fn serve_tls(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("../tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/server.key")).unwrap();
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

    pub(super) fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    pub(super) fn builder(&self) -> KeyUrlBuilder {
        // Long, since a busy machine may take its time; shorter where a test waits for its end.
        let timeout = Duration::from_secs(20);
        KeyUrl::builder(&format!("{}/keys", self.url))
            .allow_http()
            .allow_private_addresses()
            .timeout(timeout)
    }
}
