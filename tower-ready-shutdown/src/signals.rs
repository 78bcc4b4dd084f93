//! What asks a process to end.

use std::{
    io::{self, IsTerminal},
    sync::Weak,
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use crate::{Cause, Lifecycle, inner::Inner};

/// Hears of signals from now on, on a thread of its own.
pub(crate) fn hear(lifecycle: &Lifecycle) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let signals = {
        let _context = runtime.enter();
        Signals::new()?
    };
    // The thread shall not keep a lifecycle that nobody else has.
    let inner = std::sync::Arc::downgrade(&lifecycle.0);
    thread::Builder::new()
        .name("tower-ready-signals".to_owned())
        .spawn(move || obey(&runtime, signals, &inner))?;
    Ok(())
}

fn obey(runtime: &Runtime, mut signals: Signals, inner: &Weak<Inner>) {
    let mut ends = 0;
    loop {
        let signal = runtime.block_on(signals.next());
        let Some(inner) = inner.upgrade() else {
            // Nobody else would end the process now.
            exit(signal);
        };
        if !signal.counts {
            inner.drain(Cause::Signal(signal.name), Duration::ZERO);
            inner.replan(|plan| plan.close(Instant::now()));
            continue;
        }
        ends += 1;
        match ends {
            1 => {
                let at_a_terminal = signal.interrupts && io::stdin().is_terminal();
                let lame_duck =
                    if at_a_terminal { Duration::ZERO } else { inner.timings.lame_duck };
                inner.drain(Cause::Signal(signal.name), lame_duck);
            }
            2 => inner.replan(|plan| plan.rush(Instant::now(), inner.timings.rush)),
            _ => exit(signal),
        }
    }
}

/// As a shell would say of a process that the signal ended.
fn exit(signal: Signal) -> ! {
    std::process::exit(128 + signal.number)
}

#[derive(Clone, Copy)]
struct Signal {
    name: &'static str,
    number: i32,
    /// Whether it is one of those of which the third exits.
    counts: bool,
    interrupts: bool,
}

const INTERRUPT: Signal = Signal { name: "SIGINT", number: 2, counts: true, interrupts: true };

#[cfg(unix)]
const TERMINATE: Signal = Signal { name: "SIGTERM", number: 15, counts: true, interrupts: false };

#[cfg(unix)]
const QUIT: Signal = Signal { name: "SIGQUIT", number: 3, counts: false, interrupts: false };

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.terminate.recv() => TERMINATE,
            Some(()) = self.interrupt.recv() => INTERRUPT,
            Some(()) = self.quit.recv() => QUIT,
            else => std::future::pending().await,
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(()) => INTERRUPT,
            None => std::future::pending().await,
        }
    }
}
