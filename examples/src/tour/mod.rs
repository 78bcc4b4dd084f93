//! A tour of the stack: real servers on loopback, real clients, and what each layer did.
//!
//! A section is a file with one function, which shows its steps one after another; a step is a
//! title, the layer that did it, and a future that sends, looks at what came back, and checks it.

mod callers;
mod calls;
mod captured;
mod deadlines;
mod errors;
mod grpc;
mod http;
mod identity;
mod leaving;
mod limits;
mod observed;
mod page;
mod seen;
mod show;
mod slots;
mod stage;

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::time::timeout;

use self::{page::Paint, show::Show, stage::Stage};

/// The README promises twenty seconds.
const PATIENCE: Duration = Duration::from_secs(18);

/// What 128 + SIGINT tells a shell.
const INTERRUPTED: u8 = 130;

const HELP: &str = "\
usage: tour [--json]

Starts an orders service behind the whole stack on free loopback ports, drives it as a client would,
and shows what each layer did. Exits with 1 when a step does not behave.

  --json  one JSON object a line for each step";

/// The binary `tour`.
pub async fn main() -> ExitCode {
    let mut json = false;
    for arg in env::args_os().skip(1) {
        match arg.to_str() {
            Some("--json") => json = true,
            Some("--help" | "-h") => return end(HELP, &mut io::stdout(), 0),
            _ => {
                let refusal = format!("{arg:?}: is no flag of the tour: --json and --help are");
                return end(&refusal, &mut io::stderr(), 2);
            }
        }
    }
    let mut show = if json { Show::json() } else { Show::text(Paint::new(is_colourful())) };
    let over = tokio::select! {
        // Polled first, so that Ctrl-C is heard before there is a line to be seen.
        biased;
        Ok(()) = tokio::signal::ctrl_c() => return end("stopped", &mut io::stderr(), INTERRUPTED),
        over = timeout(PATIENCE, walk(&mut show)) => over,
    };
    match over {
        Ok(Ok(())) => {}
        Ok(Err(error)) => show.fail("the start of the servers", &error.to_string()),
        Err(_) => show.fail("the whole tour", &format!("it took more than {PATIENCE:?}")),
    }
    show.table();
    match show.failed() {
        failed if failed.is_empty() => ExitCode::SUCCESS,
        failed => {
            let line = format!("did not behave: {}", failed.join("; "));
            end(&line, &mut io::stderr(), 1)
        }
    }
}

/// The sections, in the order in which a newcomer meets them.
async fn walk(show: &mut Show) -> Result<(), seen::Fault> {
    let on = Stage::start().await?;
    show.opening(&on);
    errors::show(&on, show).await;
    identity::show(&on, show).await;
    callers::show(&on, show).await;
    limits::show(&on, show).await;
    deadlines::show(&on, show).await;
    slots::show(&on, show).await;
    calls::show(&on, show).await;
    grpc::show(&on, show).await;
    observed::show(&on, show).await;
    leaving::show(on, show).await;
    Ok(())
}

/// Colour is for people at a terminal who did not ask to be spared (<https://no-color.org>).
fn is_colourful() -> bool {
    let spared = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdout().is_terminal() && !spared && !dumb
}

/// Nobody may read it, which is no reason to end otherwise.
fn end(line: &str, out: &mut dyn Write, code: u8) -> ExitCode {
    let _ = writeln!(out, "{line}");
    ExitCode::from(code)
}
