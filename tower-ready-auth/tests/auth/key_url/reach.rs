//! Where keys may come from.

use std::time::Duration;

use serde_json::json;
use tower_ready_auth::{ConfigErrorKind, KeyUrl, KeyUrlBuilder};

use super::{Answer, Keys, set_of, status, token, verifier};
use crate::{keys::File, support::EC};

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
async fn addresses_and_schemes_are_refused_unless_allowed() {
    let kind = |builder: KeyUrlBuilder| builder.build().unwrap_err().kind();
    let url = |text: &str| KeyUrl::builder(text);
    assert_eq!(kind(url("http://issuer.example/keys")), ConfigErrorKind::PlainKeyUrl);
    assert_eq!(kind(url("https://10.0.0.1/keys")), ConfigErrorKind::PrivateKeyUrl);
    assert_eq!(kind(KeyUrl::discover("ftp://issuer.example")), ConfigErrorKind::KeyUrl);
    // Nor is a password shown that has no place there.
    let with_password = "https://me:pass K-4711@issuer.example";
    assert!(!format!("{:?}", url(with_password)).contains("K-4711"));
    assert!(!url(with_password).build().unwrap_err().to_string().contains("K-4711"));

    // A name is judged by the addresses that it leads to.
    let server = Keys::serve(set_of(&[(&EC, "a")])).await;
    let by_name = server.url.replace("127.0.0.1", "localhost");
    let keys = url(&format!("{by_name}/keys")).allow_http().build().unwrap();
    keys.refresh().await;
    assert!(!keys.is_ready());
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn a_cluster_has_an_authority_and_a_token_of_its_own() {
    let plain = Keys::serve(set_of(&[(&EC, "a")])).await;
    let url = plain.serve_tls().await;
    let token = File::new("bearer", "sa-token-K-4711\n");
    let authority = include_str!("../tls/authority.pem");
    let builder = || KeyUrl::builder(&url).allow_private_addresses().bearer_file(&token.0);
    let keys = builder().trust_pem(authority).build().unwrap();
    keys.ready().await;
    let bearer = plain.last.lock().unwrap().1.clone();
    assert_eq!(bearer.unwrap(), "Bearer sa-token-K-4711");
    assert!(!format!("{keys:?}").contains("K-4711"));
    // Nobody else vouches for that server.
    let others = builder().trust_pem(include_str!("../tls/server.pem"));
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

#[test]
fn a_runtime_is_needed() {
    let error = KeyUrl::builder("https://issuer.example/keys").build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoRuntime);
}
