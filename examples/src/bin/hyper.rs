//! The orders service on hyper, behind the whole stack.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::host::hyper().await
}
