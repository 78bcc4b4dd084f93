//! What each layer does, step by step.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::tour::main().await
}
