//! Puts a server under load, with and without the stack.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::drive::load().await
}
