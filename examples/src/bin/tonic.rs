//! The orders service on tonic, behind the whole stack.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::host::tonic().await
}
