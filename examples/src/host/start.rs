//! What the binaries do before and after they serve.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use tokio::net::TcpListener;

use tower_ready_shutdown::{Lifecycle, Timings, handover::inherited};

use super::admin;
use crate::{
    flags::{Flags, Refusal, Source},
    http::App,
    listen::listen,
    stack::{DevCredentials, Stack},
    telemetry::{self, Collector},
    upstream::Upstream,
};

/// How long the last spans, and leases of others' units, may take at the end.
const HOOKS: Duration = Duration::from_secs(2);

/// Reads the flags, says where it listens, and serves until it is asked to end.
///
/// What cannot be used is refused in one line, and the exit code is 2.
pub(super) async fn start<F>(
    host: &'static str,
    listen_by_default: &'static str,
    hints: fn(SocketAddr, &DevCredentials) -> String,
    serve: impl FnOnce(TcpListener, Stack, App) -> F,
) -> ExitCode
where
    F: Future<Output = ()>,
{
    let flags = match flags(listen_by_default) {
        Ok(Asked::Run(flags)) => *flags,
        Ok(Asked::Help(help)) => {
            print(help);
            return ExitCode::SUCCESS;
        }
        Err(refusal) => return refuse(&refusal, 2),
    };
    let (lifecycle, stack, dev, app) = match configure(&flags, host).await {
        Ok(configured) => configured,
        Err(refusal) => return refuse(&refusal, 2),
    };
    let served = inherited_or_open(flags.listen);
    let admin = flags.admin.map(|address| open("--admin", address));
    let ((listener, address), admin) = match (served, admin.transpose()) {
        (Ok(served), Ok(admin)) => (served, admin),
        (Err(refusal), _) | (_, Err(refusal)) => return refuse(&refusal, 1),
    };

    print(format_args!("listening on http://{address}"));
    if let Some((listener, address)) = admin {
        print(format_args!("admin on http://{address}"));
        tokio::spawn(admin::serve(listener, stack.clone(), app.clone()));
    }
    print(credentials(&dev));
    print(hints(address, &dev));
    lifecycle.run(serve(listener, stack, app)).await.exit_code()
}

enum Asked {
    Run(Box<Flags>),
    Help(String),
}

fn flags(listen_by_default: &'static str) -> Result<Asked, Refusal> {
    let mut source = Source::new(env::args_os().skip(1), |name| env::var_os(name), &[])?;
    let flags = Flags::take(&mut source, listen_by_default)?;
    match source.finish()? {
        Some(help) => Ok(Asked::Help(help)),
        None => Ok(Asked::Run(Box::new(flags))),
    }
}

/// Everything, in the order in which it is there: the log, the end, and what serves.
async fn configure(
    flags: &Flags,
    host: &str,
) -> Result<(Lifecycle, Stack, DevCredentials, App), Refusal> {
    let collector = flags.otlp.as_ref().map(|base| Collector::new(base, host)).transpose()?;
    telemetry::start(flags.log, io::stderr, collector.as_ref());
    // Before the first line of output: from then on somebody may ask for the end.
    let timings = Timings::new(flags.lame_duck, flags.drain).hooks(HOOKS);
    let lifecycle = Lifecycle::builder()
        .timings(timings)
        .install()
        .map_err(|error| Refusal::new("--drain", error))?;
    if let Some(collector) = &collector {
        collector.flush_with(&lifecycle);
    }
    let recorder = collector.as_ref().map(Collector::recorder);
    let (stack, dev) = Stack::new(&flags.stack, &lifecycle, recorder).await?;
    let upstream = Upstream::new(&flags.stack.upstream, &stack)?;
    let app = App::new(stack.problems().clone(), upstream, lifecycle.clone());
    Ok((lifecycle, stack.scraped_elsewhere(flags.admin.is_some()), dev, app))
}

/// What a server that was given no keys accepts.
fn credentials(dev: &DevCredentials) -> String {
    let tokens = dev
        .tokens
        .as_ref()
        .map(|(all, none)| format!("a token with every scope: {all}\na token with none: {none}\n"));
    let api_key = dev.api_key.as_ref().map(|key| format!("an API key: {key}\n"));
    tokens.unwrap_or_default() + &api_key.unwrap_or_default()
}

/// The socket that a service manager listens on for us, or one of our own.
fn inherited_or_open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Refusal> {
    let refuse = |error: io::Error| Refusal::new("LISTEN_FDS", error);
    match inherited().tcp(0).map_err(refuse)? {
        Some(listener) => {
            let address = listener.local_addr().map_err(refuse)?;
            Ok((listener, address))
        }
        None => open("--listen", address),
    }
}

fn open(flag: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Refusal> {
    let opened = listen(address).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    opened.map_err(|error| {
        let reason = format!("cannot listen on {address}: {error}: choose another, or port 0");
        Refusal::new(flag, reason)
    })
}

/// Nobody may read our stdout, which is no reason to end.
fn print(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn refuse(refusal: &Refusal, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "{refusal}");
    ExitCode::from(code)
}
