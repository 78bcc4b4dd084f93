//! Other programs: the line that is printed before one runs, and what its exit means.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::stopwatch::{Stopwatch, human};
use crate::workspace;

/// The cargo that runs us, so that a `+toolchain` on the command line holds for every step.
pub(crate) fn cargo(args: &str) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    program(cargo, args)
}

/// Any program, started in the root of the workspace. Its arguments are written as one would type
/// them, without quoting: what may hold a space is added with [`Command::arg`].
pub(crate) fn program(name: impl AsRef<OsStr>, args: &str) -> Command {
    let mut command = Command::new(name);
    command.args(args.split_whitespace()).current_dir(workspace::root());
    command
}

/// Runs it in full view, and says what runs and how long it took.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let line = line(command);
    println!("==> {line}");
    let watch = Stopwatch::start();
    // Nobody sits at a prompt here: what asks a question must fail instead of waiting.
    let status = command.stdin(Stdio::null()).status().map_err(|e| not_started(&line, &e))?;
    println!("    {}\n", human(watch.read()));
    if !status.success() {
        return Err(Failure::step(format!("`{line}`: {status}")));
    }
    Ok(())
}

/// Runs it unseen and returns what it wrote to stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().map_err(|e| not_started(&line, &e))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let (status, stderr) = (output.status, stderr.trim_end());
        return Err(Failure::step(format!("`{line}`: {status}\n{stderr}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether it starts and exits with zero. What it prints is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    capture(command).is_ok()
}

/// The command as one would type it, from the root of the workspace.
pub(crate) fn line(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(key, value)| {
        let value = quoted(value?);
        Some(format!("{}={value}", key.to_string_lossy()))
    });
    let words = set.chain([short(command.get_program())]);
    let words: Vec<_> = words.chain(command.get_args().map(quoted)).collect();
    words.join(" ")
}

/// A path inside the workspace is shown from its root, any other program by its name.
fn short(program: &OsStr) -> String {
    let path = Path::new(program);
    let inside = path.strip_prefix(workspace::root()).ok();
    let shown = inside.map(Path::as_os_str).or_else(|| path.file_name());
    quoted(shown.unwrap_or(program))
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

pub(crate) fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure::step(format!("`{line}` could not be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let mut command = program("/usr/bin/tool", "--flag value");
        command.arg("two words").env("FLAGS", "-D warnings");
        let expected = "FLAGS='-D warnings' tool --flag value 'two words'";
        assert_eq!(line(&command), expected);
    }

    #[test]
    fn a_path_of_the_workspace_is_shown_from_its_root() {
        let command = program(workspace::root().join(".interop/bin/python"), "");
        assert_eq!(line(&command), ".interop/bin/python");
    }
}
