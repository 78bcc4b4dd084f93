//! Who is calling, and may they: JWT, API keys, policies per route and audit as Tower layers.
//!
//! Without it each service reads its tokens by itself: one forgets the audience, so that a token
//! for any other service opens it; one takes the algorithm from the token; one fetches keys while a
//! caller waits, and fails when the issuer does; and keys that leaked cannot be called back. A gRPC
//! caller that gets a bare 401 learns nothing from it.
//!
//! ```
//! use axum::{Router, routing::get};
//! use http::{Request, StatusCode, header::WWW_AUTHENTICATE};
//! use tower::ServiceExt;
//! use tower_ready_auth::{Algorithm, AuthLayer, JwtVerifier, Key, Policy};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let verifier = JwtVerifier::builder()
//!     .issuer("https://issuer.example")
//!     .audience("orders")
//!     .keys(Key::secret(Algorithm::HS256, &[7; 32])?)
//!     .build()?;
//!
//! let app = Router::<()>::new()
//!     .route("/orders", get(|| async { "your orders" }))
//!     .route_layer(Policy::scope("orders:read").layer())
//!     .layer(AuthLayer::new(verifier));
//!
//! let answer = app.oneshot(Request::get("/orders").body(String::new())?).await?;
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The same layer object goes on tonic's `Server::builder().layer(…)` and around a hyper service;
//! there a [`PolicyTable`] stands for the routes. The README has all three.
//!
//! # Rules
//!
//! 1. Credentials are required. [`AuthBuilder::optional`] admits none, but never bad ones.
//! 2. A token is three parts of canonical base64url, JSON without a name twice, and says what it
//!    must: `exp`, `sub`, an issuer and an audience that are ours. What a token says of how it
//!    should be checked is not heeded: the key decides the algorithm, and keys, extensions and
//!    compression in a header are refused. [`verify_compact`] tells the rules below the claims,
//!    [`JwtVerifierBuilder`] those of the claims.
//! 3. An issuer has keys of its own, from memory, a [file](KeySource::file) that is read again when
//!    it changes, or a URL (feature `jwks-http`), which no request ever fetches.
//! 4. [API keys](ApiKeys) have 256 random bits, a checksum and a public id. Of the secret a digest
//!    is kept.
//! 5. [`Revocation`] is asked for each request, also for a token that was checked before, and when
//!    nobody can say, nobody passes.
//! 6. A [`Policy`] without an auth layer outside of it lets nobody pass: 500, and the log says why.
//! 7. Sixty failures in a minute, and a caller has to wait, longer each time, up to a quarter of an
//!    hour: an address, with the API key or the subject that it claims to be, and with ten times as
//!    many an address whatever it claims. Nobody elsewhere has to, and neither do credentials that
//!    have been good there while others failed.
//! 8. Credentials are marked as sensitive, and are in no log, no `Debug` and no error.
//! 9. A token that is bound to a key of its holder is good only with the key: with a proof for each
//!    request ([`Dpop`]) or the certificate of the connection ([`ClientCertificate`]). Where neither
//!    is set up, such a token is refused.
//!
//! # What a caller sees
//!
//! | what | HTTP | challenge | gRPC |
//! |---|---|---|---|
//! | no credentials, or of another scheme | 401 | without an error | `UNAUTHENTICATED` |
//! | bad credentials, whatever is wrong with them | 401 | `invalid_token` | `UNAUTHENTICATED` |
//! | a proof of possession that is not of this request | 401 | `DPoP`, `invalid_dpop_proof` | `UNAUTHENTICATED` |
//! | a proof without a nonce of this service, where it asks for one | 401, `DPoP-Nonce` | `DPoP`, `use_dpop_nonce` | `UNAUTHENTICATED` |
//! | two credentials | 400 | `invalid_request` | `INVALID_ARGUMENT` |
//! | a scope is missing | 403 | `insufficient_scope`, with the scope | `PERMISSION_DENIED` |
//! | a policy says no | 403 | | `PERMISSION_DENIED` |
//! | a better or newer login is needed (RFC 9470) | 401 | `insufficient_user_authentication` | `UNAUTHENTICATED` |
//! | too many failures | 429, `Retry-After` | | `RESOURCE_EXHAUSTED` |
//! | no keys, no store | 503, `Retry-After` | | `UNAVAILABLE` |
//!
//! The body is a problem (RFC 9457) of one of the [`types`]. Over gRPC the challenge comes as
//! metadata.
//!
//! # Its place
//!
//! Outside of it: CORS, problems, deadlines, and a limit by address, since a signature costs more
//! than a look at a bucket. Inside of it: limits by principal, policies, handlers, which find the
//! [`Principal`] in the extensions of the request.
//!
//! # Where it runs
//!
//! - Behind a proxy all requests come from one address, and six hundred bad ones in a minute would
//!   make everybody wait who was not let in meanwhile: say where the address of the caller is with
//!   [`AuthBuilder::source`], or leave the throttle to the proxy. Without a known address nothing is
//!   throttled.
//! - A [`RevocationList`] and a [`ReplayList`] are of one instance; with several, share a
//!   `RedisStore` (feature `redis`) for both, or revoke in a file.
//! - What is under a path that a router took apart (axum's `nest`) is compared with what is left of
//!   it: put [`PolicyTable`] and [`AuthBuilder::open`] where the whole path is still there.
//! - Times are the system's: a clock that is off by more than the leeway refuses good tokens.
//!
//! # Besides requests of users
//!
//! [`Webhooks`] are requests that another service signed; [`Expiry`](#features) ends streams and
//! WebSockets when a token does; [`ResourceMetadata`] tells clients who issues tokens.
//!
//! # Which cryptography, and why
//!
//! Signatures are checked by aws-lc-rs itself, with keys that are prepared once. jsonwebtoken is the
//! crate that services know, and its provider for aws-lc-rs does the same arithmetic; but it parses
//! the key, boxes a verifier and reads the header anew for each token: RS256 takes it a quarter
//! longer than all of our layer, and HS256 more than twice as long. Its claim validation is not used: it
//! accepts a token without the issuer or the audience that was set. It stays as the oracle of a
//! test, which shows that nothing is taken here that it refuses, and as a source of keys (feature
//! `jsonwebtoken`).
//! aws-lc-rs needs a C compiler when it is built, and nothing else.
//!
//! # The audit log
//!
//! One event for each decision, under the target `tower_ready_auth::audit`, and to
//! [`OnAuth`]: words of the OWASP Logging Vocabulary.
//!
//! | event | level | when |
//! |---|---|---|
//! | `authn_login_success` | debug; warn with [`AuthBuilder::fail_open`] and a store that is down | the credentials are good |
//! | `authn_login_fail` | warn; info without credentials | they are not |
//! | `authn_login_lock` | warn | with this failure, the caller has to wait |
//! | `authn_token_revoked` | warn | the credentials were revoked |
//! | `authz_fail` | warn | a policy says no |
//! | `authn_unavailable` | error | keys or a store are not there |
//!
//! What becomes of key sets and files is under `tower_ready_auth::keys`, and why a store did not
//! answer under `tower_ready_auth::store`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tracing` | yes | the audit log |
//! | `jwks-http` | no | `KeyUrl`: keys from URLs and OpenID discovery; `Introspection`; costs hyper's client, rustls, tokio |
//! | `axum` | no | `Principal` as an extractor, axum's peer address; costs axum |
//! | `tonic` | no | `Principal::of_call`, tonic's peer address; costs tonic with its server |
//! | `streams` | no | `Expiry`: streams end when credentials do; costs tokio |
//! | `redis` | no | `RedisStore`: revocations and proofs for all instances; costs redis-rs and tokio |
//! | `jsonwebtoken` | no | `Key` from jsonwebtoken's keys; costs jsonwebtoken without a backend |

#![cfg_attr(not(test), warn(clippy::expect_used, clippy::unwrap_used))]

mod api_key;
mod attempt;
mod audit;
mod auth;
mod auth_builder;
mod binding;
mod credentials;
mod deferred;
mod digest;
mod each_use;
mod error;
mod event;
#[cfg(feature = "streams")]
mod expiry;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod extract;
mod forward;
mod future;
#[cfg(feature = "jwks-http")]
mod introspection;
mod jwt;
mod layer;
mod lookup;
mod metadata;
#[cfg(feature = "jwks-http")]
mod outbound;
mod policy;
mod principal;
mod reason;
#[cfg(feature = "redis")]
mod redis_store;
mod rejection;
mod revocation;
mod rfc3339;
mod service;
mod throttle;
mod time;
pub mod types;
mod watch;
mod webhook;

#[cfg(feature = "streams")]
pub use self::expiry::{Ended, Expiry, ExpiryBody, ExpiryFuture, ExpiryLayer, ExpiryService};
#[cfg(feature = "redis")]
pub use self::redis_store::{RedisStore, RedisStoreBuilder};
pub use self::{
    api_key::{ApiKey, ApiKeyRecord, ApiKeyStore, ApiKeys, ApiKeysBuilder, FileKeys, MemoryKeys},
    auth::Auth,
    auth_builder::AuthBuilder,
    binding::{ClientCertificate, Dpop, DpopBuilder, ReplayList, ReplayStore},
    error::{ConfigError, ConfigErrorKind},
    event::{Event, EventKind, OnAuth},
    future::AuthFuture,
    jwt::{
        Algorithm, JwtVerifier, JwtVerifierBuilder, Key, KeyError, KeySet, KeySource, SkippedKey,
        TokenError, TokenType, verify_compact,
    },
    layer::AuthLayer,
    lookup::{Lookup, StoreError},
    metadata::ResourceMetadata,
    policy::{Policy, PolicyFuture, PolicyLayer, PolicyService, PolicyTable, PolicyTableBuilder},
    principal::{ClaimsError, CredentialKind, Principal, Words},
    reason::Reason,
    revocation::{Revocation, RevocationFile, RevocationList},
    service::AuthService,
    webhook::{Webhook, WebhookError, Webhooks, WebhooksBuilder},
};
#[cfg(feature = "jwks-http")]
pub use self::{
    introspection::{Introspection, IntrospectionBuilder},
    jwt::{KeyUrl, KeyUrlBuilder},
};

#[cfg(all(doctest, feature = "axum", feature = "jwks-http", feature = "tonic"))]
#[doc = include_str!("../README.md")]
struct Readme;
