//! Sentinels, and whom they watch.

use std::fs;

use super::{Directory, Redis, cut_off, until};

/// A master and its replica, which have a password, and three Sentinels that watch them. Dropping it
/// ends them all.
///
/// The replica is promoted only when [`fail_over`](Self::fail_over) says so.
#[derive(Debug)]
pub struct Sentinels {
    master: Redis,
    replica: Redis,
    sentinels: Vec<Redis>,
}

impl Sentinels {
    /// By what the Sentinels know the master.
    pub const MASTER: &str = "main";
    /// What master and replica ask for. The Sentinels ask for nothing.
    pub const PASSWORD: &str = "open sesame";

    /// Starts all of them, and waits until each knows of the others.
    ///
    /// # Panics
    ///
    /// When they do not start, or do not find one another.
    #[must_use]
    pub fn start() -> Self {
        let mut options = vec!["--requirepass", Self::PASSWORD, "--masterauth", Self::PASSWORD];
        let master = Redis::start_with(&options).with_password(Self::PASSWORD);
        let of = master.port().to_string();
        options.extend(["--replicaof", "127.0.0.1", &of]);
        let replica = Redis::start_with(&options).with_password(Self::PASSWORD);
        until("the replica has its copy", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let sentinels = (0..3).map(|_| sentinel(master.port())).collect();
        let all = Self { master, replica, sentinels };
        for sentinel in &all.sentinels {
            until("a Sentinel has found the others", || {
                let [replicas, others] = ["REPLICAS", "SENTINELS"]
                    .map(|whom| sentinel.cli(&["SENTINEL", whom, Self::MASTER]));
                replicas.contains("master-link-status\nok") && others.matches("runid").count() == 2
            });
        }
        all
    }

    /// Where the Sentinels are.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Redis::url).collect()
    }

    /// Sends one command to the master.
    pub fn master(&self, command: &[&str]) -> String {
        self.master.cli(command)
    }

    /// Sends one command to the replica.
    pub fn replica(&self, command: &[&str]) -> String {
        self.replica.cli(command)
    }

    /// The replica has all so far and gets nothing more. What comes is lost when it is promoted.
    pub fn cut_off(&self) {
        cut_off(&self.master, &self.replica);
    }

    /// Kills the master, and has a Sentinel promote the replica.
    ///
    /// # Panics
    ///
    /// When it is not promoted.
    pub fn fail_over(&mut self) {
        self.master.kill();
        self.replica.resume();
        until("a Sentinel takes the replica for good", || {
            self.sentinels[0].try_cli(&["SENTINEL", "FAILOVER", Self::MASTER]).is_ok()
        });
        let port = self.replica.port().to_string();
        for sentinel in &self.sentinels {
            until("all Sentinels have heard", || {
                let master = sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER]);
                master.lines().nth(1) == Some(&*port)
            });
        }
    }
}

fn sentinel(master: u16) -> Redis {
    let directory = Directory::new();
    let file = directory.path().join("sentinel.conf");
    let name = file.to_str().expect("temporary files have plain names").to_owned();
    let args = |port| {
        let (watched, password) = (Sentinels::MASTER, Sentinels::PASSWORD);
        // A Sentinel keeps its state in its configuration. It misses nobody by itself, because the
        // machine does other things.
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor {watched} 127.0.0.1 {master} 2\n\
             sentinel auth-pass {watched} \"{password}\"\n\
             sentinel down-after-milliseconds {watched} 600000\n"
        );
        fs::write(&file, configuration).expect("it is a directory of our own");
        vec![name.clone(), "--sentinel".to_owned()]
    };
    Redis::launch(args, "Sentinel ID is", Some(directory))
}
