//! Breaks what the servers depend on, and them, while clients ask.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tower_ready_examples::drive::chaos().await
}
