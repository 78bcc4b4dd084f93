//! Those who call, and what they are told.

use std::net::IpAddr;

use http::StatusCode;
use tower_ready_auth::{Auth, AuthBuilder, Principal};
use tower_ready_testing::{Call, Reply, Server};

use crate::support::{HMAC, hmac_verifier};

pub(crate) const UNAUTHENTICATED: i32 = 16;
pub(crate) const DENIED: i32 = 7;

pub(crate) fn auth() -> AuthBuilder {
    Auth::builder().jwt(hmac_verifier()).source(source)
}

/// Tests have one loopback address, so a header says where a call comes from.
fn source(head: &tower_ready_core::Head<'_>) -> Option<IpAddr> {
    head.headers().get("x-source")?.to_str().ok()?.parse().ok()
}

pub(crate) fn bearer(token: &str) -> Call {
    Call::ok().header("authorization", format!("Bearer {token}"))
}

pub(crate) fn alice() -> Call {
    bearer(&HMAC.of("alice", "orders:read"))
}

#[track_caller]
pub(crate) fn assert_rejected(reply: &Reply, status: u16, code: i32, challenge: Option<&str>) {
    reply.assert_rejected(StatusCode::from_u16(status).unwrap(), code);
    assert_eq!(reply.header("www-authenticate"), challenge);
}

pub(crate) async fn subject(server: &Server, call: Call) -> String {
    server.call(call).await.assert_ok();
    let seen = server.last_seen();
    seen.extension::<Principal>().map_or("nobody", Principal::subject).to_owned()
}
