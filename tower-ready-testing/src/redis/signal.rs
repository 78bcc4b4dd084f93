//! Signals to a child process.

use std::process::Child;

use rustix::process::{self, Pid, WaitId, WaitIdOptions};

/// What a process can be told here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal {
    Stop,
    Continue,
}

/// Sends a signal, and waits until it has taken effect.
pub(super) fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_child(child);
    let (signal, effect) = match signal {
        Signal::Stop => (process::Signal::STOP, WaitIdOptions::STOPPED),
        Signal::Continue => (process::Signal::CONT, WaitIdOptions::CONTINUED),
    };
    process::kill_process(pid, signal).expect("the process is a child that was not waited for");
    // Else a command that is sent next could still be answered. `NOWAIT` leaves the end of the
    // process, should it come to that, to whoever waits for it.
    let options = effect | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let _ = process::waitid(WaitId::Pid(pid), options);
}
