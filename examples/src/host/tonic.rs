//! The service on tonic's own server.

use std::{net::SocketAddr, process::ExitCode};

use tokio::net::TcpListener;
use tonic::transport::Server;

use super::{health_id::HealthIdLayer, start};
use crate::{
    access,
    grpc::GrpcOrders,
    http::{App, BoxError},
    proto::{DESCRIPTORS, orders_server::OrdersServer},
    stack::{DevCredentials, Stack},
};

/// The binary `tonic`.
pub async fn main() -> ExitCode {
    start::start("tonic", "127.0.0.1:50051", grpcurl, serve).await
}

/// Serves until the end has begun and the last call is answered.
pub(crate) async fn serve(listener: TcpListener, stack: Stack, app: App) {
    if let Err(error) = try_serve(listener, &stack, app).await {
        tracing::error!(error, "the server failed");
    }
}

async fn try_serve(listener: TcpListener, stack: &Stack, app: App) -> Result<(), BoxError> {
    let lifecycle = app.lifecycle.clone();
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let router = Server::builder()
        // What a method asks of its caller is said by its path, right outside of the methods. Health
        // is answered by the outermost layer of the stack.
        .layer((HealthIdLayer(stack.edge()), stack.layers(), access::methods()?.layer()))
        .add_service(OrdersServer::new(GrpcOrders(app)))
        // Clients ask for either version.
        .add_service(descriptors().build_v1()?)
        .add_service(descriptors().build_v1alpha()?);
    let connections = lifecycle.incoming(listener);
    Ok(router.serve_with_incoming_shutdown(connections, lifecycle.graceful()).await?)
}

fn grpcurl(address: SocketAddr, dev: &DevCredentials) -> String {
    let token = dev.tokens.as_ref().map_or("$TOKEN", |(all, _)| all);
    let with_token = format!("grpcurl -plaintext -H 'authorization: Bearer {token}'");
    format!(
        "try
  grpcurl -plaintext {address} list
  grpcurl -plaintext -d '{{\"id\":7}}' {address} orders.v1.Orders/Get
  {with_token} -d '{{\"id\":7}}' {address} orders.v1.Orders/Get
  {with_token} -d '{{\"item\":\"\",\"quantity\":0}}' {address} orders.v1.Orders/Create
  grpcurl -plaintext {address} grpc.health.v1.Health/Check"
    )
}
