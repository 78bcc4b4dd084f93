//! The service on tonic's own server.

use std::{net::SocketAddr, process::ExitCode};

use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::{server::NamedService, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::start;
use crate::{
    access,
    grpc::GrpcOrders,
    http::{App, BoxError},
    leave::Leave,
    proto::{DESCRIPTORS, orders_server::OrdersServer},
    stack::{DevCredentials, Stack},
};

type Orders = OrdersServer<GrpcOrders>;

/// The binary `tonic`.
pub async fn main() -> ExitCode {
    start::start("127.0.0.1:50051", grpcurl, serve).await
}

/// Serves until the end has begun and the last call is answered.
pub(crate) async fn serve(listener: TcpListener, stack: Stack, app: App) {
    if let Err(error) = try_serve(listener, &stack, app).await {
        tracing::error!(error, "the server failed");
    }
}

async fn try_serve(listener: TcpListener, stack: &Stack, app: App) -> Result<(), BoxError> {
    let leave = app.leave.clone();
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<Orders>().await;
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let router = Server::builder()
        // What a method asks of its caller is said by its path, right outside of the methods.
        .layer((stack.layers(), access::methods()?.layer()))
        .add_service(OrdersServer::new(GrpcOrders(app)))
        .add_service(health)
        // Clients ask for either version.
        .add_service(descriptors().build_v1()?)
        .add_service(descriptors().build_v1alpha()?);
    let connections = TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        // Else a small answer may wait 40 ms for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        std::io::Result::Ok(stream)
    });
    let leaving = say_goodbye(leave.clone(), reporter);
    let serving = router.serve_with_incoming_shutdown(connections, leave.begins());
    Ok(tokio::join!(serving, leaving).0?)
}

/// Tells whoever watches our health that we leave, and ends their streams, which would keep their
/// connections for ever.
async fn say_goodbye(leave: Leave, mut reporter: HealthReporter) {
    leave.begun().await;
    for service in ["", Orders::NAME] {
        let status = ServingStatus::NotServing;
        reporter.set_service_status(service, status).await;
        reporter.clear_service_status(service).await;
    }
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
