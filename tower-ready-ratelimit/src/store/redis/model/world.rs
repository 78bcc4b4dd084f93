//! Instances, one bucket, and the messages between them.

use std::time::Duration;

use tower_ready_core::Instant;

use super::{
    super::{
        lease::{Ask, Grant, Holder, Outcome, Wanted},
        terms::Terms,
        ticks::Ticks,
    },
    ledger::Ledger,
};
use crate::Quota;

pub(super) const NODES: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A caller wants units of an instance.
    Call(usize, u64),
    /// So many callers at once.
    Burst(usize, u64),
    /// A message arrives, any of those under way: none is lost, but many are overtaken.
    Deliver(usize),
    /// A message arrives, and comes once more.
    Copy(usize),
    /// All messages arrive, and their answers, in the order in which they were sent.
    Settle,
    Lose(usize),
    /// An instance waits no longer for its answer.
    GiveUp(usize),
    /// An instance looks after its leases.
    Tend(usize),
    /// An instance gives back what it holds.
    Drain(usize),
    /// An instance dies, and another one starts in its place.
    Crash(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Message {
    Ask {
        node: usize,
        name: String,
        ask: Ask,
    },
    /// With the moment at which the bucket granted, and when that one sees it as full.
    Reply {
        node: usize,
        name: String,
        ask: Ask,
        granted: Option<(u64, [u64; 4])>,
    },
}

struct Node {
    name: String,
    holder: Holder<u64>,
    asked: Option<Ask>,
    /// Its clock: thousandths by which it is too fast, and where it began.
    drift: i64,
    start: u64,
}

pub(super) struct World {
    quota: Quota,
    pub(super) ticks: Ticks,
    terms: Terms,
    pub(super) now: u64,
    pub(super) ledger: Ledger,
    nodes: Vec<Node>,
    pub(super) network: Vec<Message>,
    sequence: u64,
    /// What was admitted, and when.
    pub(super) admitted: Vec<(u64, u64)>,
    refused: u64,
}

impl World {
    pub(super) fn new(quota: Quota, drifts: [i64; NODES]) -> Self {
        let terms = Terms::new(&quota, Duration::from_secs(1));
        let ticks = Ticks::of(&quota);
        let node = |(at, drift): (usize, i64)| Node {
            name: format!("{at}"),
            holder: Holder::new(),
            asked: None,
            drift,
            start: 1_000_000_000 * (at as u64 + 1),
        };
        Self {
            quota,
            ticks,
            terms,
            now: 1_000_000,
            ledger: Ledger::new(ticks, 1_000_000, terms.lag),
            nodes: drifts.into_iter().enumerate().map(node).collect(),
            network: Vec::new(),
            sequence: 0,
            admitted: Vec::new(),
            refused: 0,
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Call(node, units) => self.call(node, units),
            Step::Burst(node, callers) => (0..callers).for_each(|_| self.call(node, 1)),
            Step::Deliver(at) => {
                if let Some(message) = self.pick(at, true) {
                    self.arrive(message);
                }
            }
            Step::Copy(at) => {
                if let Some(message) = self.pick(at, false) {
                    self.arrive(message);
                }
            }
            Step::Settle => {
                for _ in 0..4 * NODES {
                    self.step(Step::Deliver(0));
                }
            }
            Step::Lose(at) => drop(self.pick(at, true)),
            Step::GiveUp(node) => {
                if let Some(ask) = self.nodes[node].asked.take() {
                    self.answered(node, &ask, None);
                }
            }
            Step::Tend(node) => {
                let (now, terms) = (self.local(node), self.terms);
                let holder = &self.nodes[node].holder;
                if holder.lapses_soon(now, &terms) && holder.wants_ahead(now) {
                    let give_back = !holder.is_wanted();
                    self.send(node, give_back);
                }
            }
            Step::Drain(node) => {
                let later = self.local(node) + Duration::from_secs(1);
                if self.nodes[node].holder.wants_ahead(later) {
                    self.send(node, true);
                }
            }
            Step::Crash(node) => {
                self.sequence += 1;
                let name = format!("{node}-{}", self.sequence);
                let gone = &mut self.nodes[node];
                (gone.name, gone.holder, gone.asked) = (name, Holder::new(), None);
            }
        }
    }

    fn call(&mut self, node: usize, units: u64) {
        let now = self.local(node);
        if let Some((_, is_low)) = self.nodes[node].holder.take(now, units) {
            self.admitted.push((self.now, units));
            if is_low && self.nodes[node].holder.wants_ahead(now) {
                self.send(node, false);
            }
            return;
        }
        match self.nodes[node].holder.want(now, units, units) {
            Wanted::Taken(_) => self.admitted.push((self.now, units)),
            Wanted::Refused(..) => self.refused += 1,
            Wanted::InLine { send: true } => self.send(node, false),
            Wanted::InLine { send: false } => {}
        }
    }

    fn send(&mut self, at: usize, give_back: bool) {
        self.sequence += 1;
        let now = self.local(at);
        let node = &mut self.nodes[at];
        let ask = node.holder.ask(now, self.sequence, &self.terms, give_back);
        node.asked = Some(ask);
        self.network.push(Message::Ask { node: at, name: node.name.clone(), ask });
    }

    fn arrive(&mut self, message: Message) {
        match message {
            Message::Ask { node, name, ask } => {
                let reply = self.ledger.ask(self.now, &name, &ask, NODES as u64);
                let granted = (reply[0] == 1).then_some((self.now, reply));
                self.network.push(Message::Reply { node, name, ask, granted });
            }
            Message::Reply { node, name, ask, granted } => {
                // Who has given up, or was not there then, does not know what this is about.
                let awaited = &mut self.nodes[node];
                if awaited.name == name && awaited.asked == Some(ask) {
                    awaited.asked = None;
                    self.answered(node, &ask, granted);
                }
            }
        }
    }

    fn answered(&mut self, node: usize, ask: &Ask, granted: Option<(u64, [u64; 4])>) {
        let rate = *self.quota.rate();
        let grant = granted.map(|(_, [_, kept, granted, missing])| Grant {
            kept,
            granted,
            room: self.ticks.room(missing),
            full: self.ticks.full(ask.at, missing, &rate),
        });
        let now = self.local(node);
        let Outcome { served, held, refused, again } =
            self.nodes[node].holder.answered(now, ask, grant.as_ref(), &self.terms);
        self.refused += refused.len() as u64;
        if let Some((then, _)) = granted {
            self.admitted.extend(served.into_iter().map(|units| (then, units)));
        }
        self.admitted.extend(held.into_iter().map(|units| (self.now, units)));
        if again {
            self.send(node, false);
        }
    }

    fn pick(&mut self, at: usize, remove: bool) -> Option<Message> {
        let at = at.checked_rem(self.network.len())?;
        Some(if remove { self.network.remove(at) } else { self.network[at].clone() })
    }

    fn local(&self, node: usize) -> Instant {
        let Node { drift, start, .. } = self.nodes[node];
        let nanos = self.now * 1_000;
        Instant::from_nanos(start + nanos.saturating_add_signed(nanos as i64 / 1_000 * drift))
    }

    /// How many ticks were admitted beyond the quota in the worst of all windows.
    pub(super) fn excess(&self) -> u64 {
        let mut admitted = self.admitted.clone();
        admitted.sort_unstable();
        let (mut level, mut last, mut worst) = (0u64, 0, 0);
        for (at, units) in admitted {
            level = level.saturating_sub((at - last) * self.ticks.per_micro);
            level += units * self.ticks.step;
            last = at;
            worst = worst.max(level.saturating_sub(self.ticks.tolerance));
        }
        worst
    }
}
