//! Instructions: we run ourselves once more under callgrind.
//!
//! Callgrind counts inside of [`collected`] alone and writes one file each time it is left, so one
//! run of valgrind serves all cases. The files stay where they are, `case.1` and on in the order of the
//! table, and hold the cost of each function and line; `callgrind_annotate` 3.19 does not understand
//! files that begin in the middle of a program.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Group, Repeat, options::UNDER_CALLGRIND};

const TURNS: u64 = 100;

/// What callgrind knows [`collected`] by: its full name, since it then heeds both options.
const COLLECTED: &str = "tower_ready_benches::instructions::collected";

/// Counts the instructions of one turn of the baseline and of the cases of each group, in order.
///
/// None where valgrind is not installed or fails.
pub(crate) fn measure(groups: &[Group], filters: &[String]) -> Option<Vec<f64>> {
    let folder = folder();
    match valgrind(&folder, filters) {
        Ok(true) => {}
        Ok(false) => {
            eprintln!("valgrind failed, so there are no instruction counts");
            return None;
        }
        Err(error) => {
            eprintln!("valgrind does not start, so there are no instruction counts: {error}");
            return None;
        }
    }
    let cases: usize = groups.iter().map(|group| 1 + group.cases.len()).sum();
    let counts: Option<Vec<_>> = (1..=cases).map(|n| total(&dump(&folder, n))).collect();
    if counts.is_none() {
        eprintln!("callgrind left no profile of some case in {}", folder.display());
    }
    counts.map(|counts| counts.iter().map(|count| *count as f64 / TURNS as f64).collect())
}

/// Runs what the other process has asked for.
pub(crate) fn run(groups: &mut [Group]) {
    allocation_counter::opt_out(|| {
        for case in groups.iter_mut().flat_map(Group::all_mut) {
            case.repeat.run(10);
            collected(&mut case.repeat);
        }
    });
}

#[inline(never)]
fn collected(repeat: &mut Repeat) {
    repeat.run(TURNS);
}

fn valgrind(folder: &Path, filters: &[String]) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--toggle-collect={COLLECTED}"))
        .arg(format!("--dump-after={COLLECTED}"))
        .arg(format!("--callgrind-out-file={}", folder.join("case").display()))
        .arg(env::current_exe()?)
        .arg(UNDER_CALLGRIND)
        .args(filters)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

/// Beside our own executable, which is in the target directory.
fn folder() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.with_file_name("callgrind")
}

fn dump(folder: &Path, n: usize) -> PathBuf {
    folder.join(format!("case.{n}"))
}

fn total(dump: &Path) -> Option<u64> {
    let dump = fs::read_to_string(dump).ok()?;
    let line = dump.lines().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}
