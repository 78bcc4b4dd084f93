//! The orders service on axum, behind the whole stack.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::host::axum().await
}
