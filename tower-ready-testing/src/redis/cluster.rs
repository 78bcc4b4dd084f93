//! A Redis Cluster.

use super::{Directory, Redis, SERVER_IS_READY, any_port, cut_off, server_args, until};

/// Three masters that share the slots, and a replica of each. Dropping it ends them all.
///
/// Nodes are numbered: 0, 1 and 2 are the masters, 3, 4 and 5 their replicas, in this order. No node
/// is promoted unless [`fail_over`](Self::fail_over) says so.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
}

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

impl Cluster {
    /// Starts the nodes, and waits until all of them agree.
    ///
    /// # Panics
    ///
    /// When they do not start, or do not agree.
    #[must_use]
    pub fn start() -> Self {
        let nodes: Vec<_> = (0..2 * MASTERS).map(|_| node()).collect();
        let cluster = Self { nodes };
        for (number, node) in cluster.nodes.iter().enumerate().take(MASTERS) {
            let slots = [number, number + 1].map(|number| number * SLOTS / MASTERS);
            let (first, last) = (slots[0].to_string(), (slots[1] - 1).to_string());
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            // Nodes of the same epoch would have to quarrel first.
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for node in &cluster.nodes[1..] {
            let [port, bus] = [cluster.nodes[0].port(), bus(&cluster.nodes[0])];
            node.cli(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string(), &bus.to_string()]);
        }
        cluster.until("all nodes know one another", |node| {
            node.cli(&["CLUSTER", "INFO"]).contains("cluster_known_nodes:6")
        });
        for (number, replica) in cluster.nodes.iter().enumerate().skip(MASTERS) {
            let master = cluster.nodes[number - MASTERS].cli(&["CLUSTER", "MYID"]);
            until("a node is known", || {
                replica.try_cli(&["CLUSTER", "REPLICATE", &master]).is_ok()
            });
        }
        cluster.until("the cluster is complete", |node| {
            let slots = node.cli(&["CLUSTER", "SLOTS"]);
            let all_know = cluster.nodes.iter().all(|it| slots.contains(&it.port().to_string()));
            all_know && node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        });
        for replica in &cluster.nodes[MASTERS..] {
            until("a replica has its copy", || {
                replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
            });
        }
        cluster
    }

    /// Where the nodes are.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// One of the nodes.
    #[must_use]
    pub fn node(&self, number: usize) -> &Redis {
        &self.nodes[number]
    }

    /// Which of the masters has a key, as long as there was no failover.
    #[must_use]
    pub fn master_of(&self, key: &str) -> usize {
        let slot: usize = self.nodes[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot");
        (0..MASTERS).rfind(|master| master * SLOTS / MASTERS <= slot).expect("zero is less")
    }

    /// The replica of a master has all so far and gets nothing more. What comes is lost when it is
    /// promoted.
    pub fn cut_off(&self, master: usize) {
        cut_off(&self.nodes[master], &self.nodes[master + MASTERS]);
    }

    /// Kills a master, and promotes its replica.
    ///
    /// # Panics
    ///
    /// When the others do not hear of it.
    pub fn fail_over(&mut self, master: usize) {
        self.nodes[master].kill();
        let replica = &self.nodes[master + MASTERS];
        replica.resume();
        // Without a vote, for which the others would first have to miss the dead one.
        replica.cli(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
        let id = replica.cli(&["CLUSTER", "MYID"]);
        let is_master = |nodes: &str| {
            nodes.lines().any(|line| {
                let mut words = line.split(' ');
                words.next() == Some(&*id) && words.nth(1).is_some_and(|it| it.contains("master"))
            })
        };
        for (number, node) in self.nodes.iter().enumerate() {
            if number != master {
                until("all have heard", || is_master(&node.cli(&["CLUSTER", "NODES"])));
            }
        }
    }

    fn until(&self, what: &str, is_so: impl Fn(&Redis) -> bool) {
        for node in &self.nodes {
            until(what, || is_so(node));
        }
    }
}

fn node() -> Redis {
    let directory = Directory::new();
    let file = directory.path().join("nodes.conf");
    let file = file.to_str().expect("temporary files have plain names").to_owned();
    let args = |port| {
        let bus = any_port().to_string();
        let mut options = vec!["--cluster-enabled", "yes", "--cluster-config-file", &file];
        // Long enough that nobody is missed because the machine does other things.
        options.extend(["--cluster-port", &bus, "--cluster-node-timeout", "60000"]);
        // A copy of some milliseconds ago is as good as any: the test decides what is lost.
        options.extend(["--cluster-replica-validity-factor", "0"]);
        server_args(port, &options)
    };
    Redis::launch(args, SERVER_IS_READY, Some(directory))
}

/// The port on which the nodes speak to one another.
fn bus(node: &Redis) -> u16 {
    let answer = node.cli(&["CONFIG", "GET", "cluster-port"]);
    answer.lines().nth(1).and_then(|port| port.parse().ok()).expect("it was given one")
}
