//! Mints tokens and API keys for the servers.

use std::process::ExitCode;

fn main() -> ExitCode {
    tower_ready_examples::mint::main()
}
