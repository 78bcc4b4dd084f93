//! The end of a process, seen from outside: real signals, real sockets, no clock that is paused.
#![cfg(unix)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "processes speak through them")]

mod child;
mod frozen;
mod goodbye;
mod handover;
mod host;
mod signals;
mod stuck;
mod watchdog;
mod wire;
