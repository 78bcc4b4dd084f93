//! One instance, on each server.

mod app;
mod ours;
mod theirs;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use tokio::net::TcpListener;
use tower_ready_shutdown::handover;

use crate::BoxError;

pub(crate) async fn run(name: &str, address: &str) -> Result<ExitCode, BoxError> {
    let shared = address == "inherited";
    let listener = if shared { inherited()? } else { TcpListener::bind(address).await? };
    let address = listener.local_addr()?;
    match name {
        "axum" | "hyper" | "hyper-grpc" | "tonic" => {
            let lifecycle = ours::lifecycle()?;
            say(address)?;
            match name {
                "axum" => ours::axum(&lifecycle, listener, shared).await,
                "hyper" => ours::hyper(&lifecycle, listener, shared).await,
                "hyper-grpc" => ours::hyper_grpc(&lifecycle, listener, shared).await,
                _ => ours::tonic(&lifecycle, listener, shared).await,
            }
        }
        "plain-axum" | "axum-server" => {
            let terminated = theirs::Terminated::hear()?;
            say(address)?;
            match name {
                "plain-axum" => theirs::plain_axum(listener, terminated).await,
                _ => theirs::axum_server(listener, terminated).await,
            }
        }
        other => Err(format!("there is no server `{other}`").into()),
    }
}

/// From this line on, a signal may come.
fn say(address: SocketAddr) -> Result<(), BoxError> {
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {address}")?;
    Ok(stdout.flush()?)
}

/// The socket that whoever started us keeps.
fn inherited() -> Result<TcpListener, BoxError> {
    let listener = handover::inherited().tcp(0)?;
    Ok(listener.ok_or("no socket was handed over")?)
}
