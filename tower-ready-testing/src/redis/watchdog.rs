//! Ends a process when the test process is gone.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A shell that reads from a pipe to which only the test process can write. Nobody ever writes, so
/// the shell wakes up when the test process has ended, even by `kill -9`, and then kills its charge.
///
/// Linux could do this by itself (`PR_SET_PDEATHSIG`), but only set between fork and exec, which is
/// unsafe code.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

// === impl Watchdog ===

impl Watchdog {
    pub(super) fn over(charge: &Child) -> Self {
        // `read` is built in, so that the shell has no child that could outlive it.
        let shell = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\"", &charge.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Else an interrupt from the keyboard would end the watchdog with the test.
            .process_group(0)
            .spawn();
        Self(shell.expect("there is a shell"))
    }

    /// Ends the watchdog and leaves its charge alone.
    pub(super) fn dismiss(&mut self) {
        // By a signal, not by the pipe: its end is what the shell waits for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
