//! Keys from a URL, when its server is well and when it is not.

mod faults;
mod reach;
mod rotation;
mod server;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_ready_auth::{AuthLayer, JwtVerifier, KeyUrl};

use self::server::{Answer, Keys};
use crate::support::{EC, Signer, builder, jwks, with};

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
