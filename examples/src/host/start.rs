//! What the binaries do before and after they serve.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
};

use tokio::net::TcpListener;

use super::admin;
use crate::{
    flags::{Flags, Refusal, Source},
    http::App,
    leave::Signals,
    listen::listen,
    log,
    stack::{DevCredentials, Stack},
    upstream::Upstream,
};

/// Reads the flags, says where it listens, and serves until it is asked to end.
///
/// What cannot be used is refused in one line, and the exit code is 2.
pub(super) async fn start<F>(
    listen_by_default: &'static str,
    hints: fn(SocketAddr, &DevCredentials) -> String,
    serve: impl FnOnce(TcpListener, Stack, App) -> F,
) -> ExitCode
where
    F: Future<Output = ()>,
{
    let (flags, stack, dev, upstream) = match configure(listen_by_default) {
        Ok(Configured::Run(configured)) => *configured,
        Ok(Configured::Help(help)) => {
            print(help);
            return ExitCode::SUCCESS;
        }
        Err(refusal) => return refuse(&refusal, 2),
    };
    log::start_on_stderr(flags.log);
    // Before the first line of output: from then on somebody may ask for the end.
    let signals = Signals::hear();
    let served = open("--listen", flags.listen);
    let admin = flags.admin.map(|address| open("--admin", address));
    let (mut signals, (listener, address), admin) = match (signals, served, admin.transpose()) {
        (Ok(signals), Ok(served), Ok(admin)) => (signals, served, admin),
        (Err(error), ..) => return refuse(&Refusal::new("signals", error), 1),
        (_, Err(refusal), _) | (_, _, Err(refusal)) => return refuse(&refusal, 1),
    };

    let app = App::new(stack.problems().clone(), upstream);
    print(format_args!("listening on http://{address}"));
    if let Some((_, address)) = &admin {
        print(format_args!("admin on http://{address}"));
    }
    print(credentials(&dev));
    print(hints(address, &dev));

    let leave = app.leave.clone();
    let administering = admin::serve(admin.map(|(listener, _)| listener), app.clone());
    let serving = async { tokio::join!(serve(listener, stack, app), administering).0 };
    leave.serve(&mut signals, serving).await
}

enum Configured {
    Run(Box<(Flags, Stack, DevCredentials, Option<Upstream>)>),
    Help(String),
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

fn configure(listen_by_default: &'static str) -> Result<Configured, Refusal> {
    let mut source = Source::new(env::args_os().skip(1), |name| env::var_os(name), &[])?;
    let flags = Flags::take(&mut source, listen_by_default)?;
    match source.finish()? {
        Some(help) => Ok(Configured::Help(help)),
        None => {
            let (stack, dev) = Stack::new(&flags.stack)?;
            let upstream = Upstream::new(&flags.stack.upstream)?;
            Ok(Configured::Run(Box::new((flags, stack, dev, upstream))))
        }
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
