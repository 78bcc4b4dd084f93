use std::{fs, path::Path};

use crate::{
    labels::Labels,
    metrics::Metrics,
    scrape::{Descriptor, FamilyKind, Number},
};

/// How many ticks of `/proc` make a second. Linux promises user space a hundred on every
/// architecture that Rust's standard library knows.
const TICKS: f64 = 100.0;

impl Metrics {
    /// Shows what the process uses, under the names that clients of Prometheus have for it: processor
    /// time, memory, open files, threads. It is read when somebody scrapes. Where there is no
    /// `/proc`, which is on every system but Linux, it shows nothing.
    pub fn process(&self) {
        if !Path::new("/proc/self/stat").exists() {
            return;
        }
        type Read = fn() -> Option<Number>;
        let gauges: [(_, _, _, Read); 7] = [
            (
                "process_cpu_seconds",
                FamilyKind::Counter,
                "Processor time of the process, in user space and in the kernel.",
                || Some(Number::Real((stat(14)? + stat(15)?) / TICKS)),
            ),
            (
                "process_resident_memory_bytes",
                FamilyKind::Gauge,
                "Memory of the process that is in memory.",
                || status("VmRSS:"),
            ),
            (
                "process_virtual_memory_bytes",
                FamilyKind::Gauge,
                "Addresses that the process has asked for.",
                || status("VmSize:"),
            ),
            ("process_open_fds", FamilyKind::Gauge, "Files and sockets that are open.", || {
                // One of them is open for this look.
                let open = fs::read_dir("/proc/self/fd").ok()?.count();
                Some(Number::Count(open.saturating_sub(1) as u64))
            }),
            (
                "process_max_fds",
                FamilyKind::Gauge,
                "How many files and sockets may be open.",
                max_fds,
            ),
            ("process_threads", FamilyKind::Gauge, "Threads of the process.", || {
                Some(Number::Real(stat(20)?))
            }),
            (
                "process_start_time_seconds",
                FamilyKind::Gauge,
                "When the process began, since 1970.",
                start,
            ),
        ];
        for (name, kind, help, read) in gauges {
            // What cannot be read now will not be readable later.
            if read().is_some() {
                let read = move || read().unwrap_or(Number::Real(f64::NAN));
                self.pull(Descriptor::new(name, kind, help), Labels::default(), read);
            }
        }
    }
}

/// A field of `/proc/self/stat`, counted from one as in proc(5).
fn stat(field: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    of_stat(&stat, field)
}

fn of_stat(stat: &str, field: usize) -> Option<f64> {
    // The second field is the name of the program in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_ascii_whitespace().nth(field.checked_sub(3)?)?.parse().ok()
}

/// A line of `/proc/self/status`, which counts in kilobytes.
fn status(name: &str) -> Option<Number> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Number::Count(kilobytes * 1024))
}

fn max_fds() -> Option<Number> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(Number::Real(f64::INFINITY)),
        limit => Some(Number::Count(limit.parse().ok()?)),
    }
}

fn start() -> Option<Number> {
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(Number::Real(boot + stat(22)? / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_called_anything() {
        let stat = "4711 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 110 220 13";
        assert_eq!(of_stat(stat, 14), Some(110.0));
        assert_eq!(of_stat(stat, 15), Some(220.0));
        assert_eq!(of_stat("", 14), None);
    }
}
