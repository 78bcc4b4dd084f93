//! The hosts: each mounts the same stack in its own way.

mod admin;
mod axum;
mod health_id;
mod hyper;
mod profile;
mod router;
mod scrape;
mod start;
mod tonic;
mod web_socket;

pub use self::{axum::main as axum, hyper::main as hyper, tonic::main as tonic};
pub(crate) use self::{
    axum::serve as serve_axum, scrape::ScrapeLayer, tonic::serve as serve_tonic,
};

use std::net::SocketAddr;

use crate::stack::DevCredentials;

/// Lines to paste.
fn curl(address: SocketAddr, dev: &DevCredentials) -> String {
    let at = format!("http://{address}");
    let token = dev.tokens.as_ref().map_or("$TOKEN", |(all, _)| all);
    format!(
        "try
  curl -i {at}/orders/7
  curl -i {at}/orders/7 -H 'authorization: Bearer {token}'
  curl -i {at}/orders -H 'authorization: Bearer {token}' -H 'content-type: application/json' -d '{{\"item\":\"\",\"quantity\":0}}'
  curl -i {at}/panic
  curl -N {at}/events"
    )
}
