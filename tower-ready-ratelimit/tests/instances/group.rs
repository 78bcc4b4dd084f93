//! Instances, as processes of their own.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use super::{INSTANCES, instance, trace::Trace};

/// How the instances work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) mode: &'static str,
    pub(crate) on_store_error: &'static str,
    pub(crate) deadline_ms: u64,
}

/// Running instances. Dropped, they are killed.
pub(crate) struct Group {
    children: Vec<Child>,
    readers: Vec<JoinHandle<Vec<String>>>,
}

impl Group {
    /// Starts the instances, and waits until all of them have found Redis.
    pub(crate) fn start(url: &str, setup: Setup) -> Self {
        let mut group = Self { children: Vec::new(), readers: Vec::new() };
        for number in 0..INSTANCES {
            let child = Command::new(env::current_exe().unwrap())
                .env(instance::VARIABLE, number.to_string())
                .args([url, setup.mode, setup.on_store_error, &setup.deadline_ms.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            group.children.push(child.expect("the test starts itself"));
        }
        for child in &mut group.children {
            let mut output = BufReader::new(child.stdout.take().unwrap());
            let mut ready = String::new();
            output.read_line(&mut ready).unwrap();
            assert_eq!(ready, "ready\n");
            group.readers.push(thread::spawn(move || read(output)));
        }
        // Nobody begins before all are there.
        for child in &mut group.children {
            use std::io::Write;
            writeln!(child.stdin.as_mut().unwrap(), "go").unwrap();
        }
        group
    }

    pub(crate) fn signal(&self, number: usize, signal: &str) {
        let id = self.children[number].id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// Lets the instances end, and takes what they recorded.
    pub(crate) fn end(mut self) -> Trace {
        // They end when their input does.
        for child in &mut self.children {
            drop(child.stdin.take());
        }
        let lines = self.readers.drain(..).flat_map(|reader| reader.join().unwrap());
        Trace::read(lines)
    }
}

fn read(mut output: impl Read) -> Vec<String> {
    let mut text = String::new();
    let _ = output.read_to_string(&mut text);
    // Of an instance that was killed the last line may be half a line.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(str::to_owned).collect()
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.stdin.take());
        }
        for reader in self.readers.drain(..) {
            if thread::panicking() {
                break;
            }
            let _ = reader.join();
        }
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
