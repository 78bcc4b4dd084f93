//! One server behind one front, restarted ten times over.

use std::{
    net::TcpListener,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    front::{Balancer, Front, Wire},
    h1, h2,
    instance::{Instance, Socket},
    ports,
    tally::{Seen, Tally},
};
use crate::BoxError;

const ROUNDS: usize = 10;
const REQUESTS: usize = 100_000;

/// Keep-alive connections over HTTP/1.1; over HTTP/2 there are as many calls at a time, on fewer.
const CONNECTIONS: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) server: &'static str,
    pub(super) front: Front,
    wire: Wire,
    pub(super) is_ours: bool,
    pub(super) requests: usize,
}

impl Cell {
    pub(super) fn all(front: Front) -> Vec<Self> {
        let ours = [
            ("axum", Wire::Http1),
            ("hyper", Wire::Http1),
            ("hyper-grpc", Wire::Grpc),
            ("tonic", Wire::Grpc),
        ];
        let theirs = [("plain-axum", Wire::Http1), ("axum-server", Wire::Http1)];
        let cell = |is_ours, requests| {
            move |(server, wire)| Self { server, front, wire, is_ours, requests }
        };
        let ours = ours.into_iter().map(cell(true, REQUESTS));
        // Peers have no lame duck, so that their ten rounds take less time.
        ours.chain(theirs.into_iter().map(cell(false, REQUESTS / 4))).collect()
    }

    pub(super) fn name(&self) -> String {
        format!("{} behind {}", self.server, self.front.name())
    }

    pub(super) async fn run(&self, patience: Duration) -> Result<Seen, BoxError> {
        let [address, first, second] = ports::free()?;
        let (mut instances, balancer) = if self.front == Front::Handover {
            let socket = TcpListener::bind(address)?;
            let sockets = [socket.try_clone()?, socket].map(Socket::Inherited);
            (self.start(sockets).await?, None)
        } else {
            let own = [first, second];
            let instances = self.start(own.map(Socket::Own)).await?;
            let balancer = Balancer::start(self.front, self.wire, address, own).await?;
            (instances, Some(balancer))
        };

        let tally = Arc::new(Tally::default());
        let mut callers = JoinSet::new();
        match self.wire {
            Wire::Http1 => (0..CONNECTIONS).for_each(|number| {
                callers.spawn(h1::call(address, number, Arc::clone(&tally)));
            }),
            Wire::Grpc => (0..CONNECTIONS / h2::STREAMS).for_each(|number| {
                callers.spawn(h2::call(address, number, Arc::clone(&tally)));
            }),
        }

        let (mut restarts, mut bad_ends, start) = (0, 0, Instant::now());
        while restarts < ROUNDS * 2 {
            let instance = &mut instances[restarts % 2];
            bad_ends += usize::from(!instance.restart().await?);
            restarts += 1;
            sleep(self.front.settle()).await;
        }
        while tally.sent() < self.requests && start.elapsed() < patience {
            sleep(Duration::from_millis(50)).await;
        }
        tally.is_over.store(true, Relaxed);
        while callers.join_next().await.is_some() {}
        drop((instances, balancer));
        Ok(tally.seen(restarts, bad_ends))
    }

    async fn start(&self, [a, b]: [Socket; 2]) -> Result<[Instance; 2], BoxError> {
        Ok([Instance::start(self.server, a).await?, Instance::start(self.server, b).await?])
    }
}
