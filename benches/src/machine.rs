//! Where it was measured.

use std::{fs, process::Command, thread};

/// A line about the machine, the compiler and the day.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cpu = cpu.unwrap_or_else(|| "an unknown processor".to_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let rustc = printed("rustc", "--version");
    let day = printed("date", "+%Y-%m-%d");
    format!("{day}, {rustc}, {cpu}, {cores} cores, load {load} when it was over")
}

fn printed(program: &str, arg: &str) -> String {
    let output = Command::new(program).arg(arg).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "?".to_owned(), |text| text.trim().to_owned())
}
