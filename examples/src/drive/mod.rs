//! Drives the servers as many clients at once would: under load, and while what they depend on is
//! broken. `cargo xtask load` and `cargo xtask chaos` run these.

mod chaos;
mod client;
mod load;
mod process;
mod tally;

use std::{env, process::ExitCode, time::Duration};

pub use self::{chaos::main as chaos, load::main as load};

/// The seconds after a flag, or a default.
fn seconds(flag: &str, default: u64) -> Result<Duration, String> {
    let mut args = env::args().skip(1);
    match args.next() {
        None => return Ok(Duration::from_secs(default)),
        Some(arg) if arg == flag => {}
        Some(arg) => return Err(format!("{arg:?} is no flag of this: {flag} N is")),
    }
    let value = args.next().unwrap_or_default();
    let seconds = value.parse().ok().filter(|seconds| (1..=600).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("{flag}: {value:?}: write 1 to 600 seconds"));
    seconds.map(Duration::from_secs)
}

#[allow(clippy::print_stderr, reason = "a command speaks to a terminal")]
fn ended(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
