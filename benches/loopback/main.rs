//! The whole stack over sockets: `cargo bench -p tower-ready-benches --bench loopback`.
//!
//! Each server is a process of one thread, and clients in this one keep some connections busy. They
//! take turns, so that a machine that does something else as well does it to all of them. They never
//! sleep, as nobody's server pays for waking a client on another machine.
//!
//! What a server gives is told in two ways: answers a second, which the clients may be too slow to ask
//! for, and the time that its process was on a processor for each answer. What share of the bare
//! server's throughput is left on one core is the ratio of those times, of which the median of all
//! rounds and the span of the middle 80 % are told. Linux tells the times, in `/proc`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and reports its own failures by panicking"
)]

mod client;
mod process;
mod server;
#[allow(dead_code, reason = "other benches need more kinds of tokens")]
#[path = "../stacks/mod.rs"]
mod stacks;

use std::{env, time::Duration};

use self::{
    process::Process,
    server::{Host, Kind, Stack, Tokens},
};

/// Many short ones, since a machine that is slow for a second is so for a whole round then.
const ROUNDS: usize = 41;
const TURN: Duration = Duration::from_millis(150);
const WARM_UP: Duration = Duration::from_millis(300);

/// What is compared, the bare service first.
const GROUPS: &[(&str, Host, Tokens, &[Stack])] = &[
    ("a route of axum, HTTP/1.1", Host::Axum, Tokens::Hs256, ALL),
    ("the same, an ES256 token seen before", Host::Axum, Tokens::Es256, ALL),
    ("a method of tonic, HTTP/2", Host::Tonic, Tokens::Hs256, ALL),
    ("a service of hyper, HTTP/1.1", Host::Hyper, Tokens::Hs256, &[Stack::None, Stack::Ours]),
];
const ALL: &[Stack] = &[Stack::None, Stack::Ours, Stack::Peers];

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.as_slice() {
        [flag, name] if flag == "--serve" => {
            server::run(kinds().find(|kind| kind.name() == *name).unwrap());
        }
        args if args.iter().any(|arg| arg == "--bench") => compare(),
        _ => {} // of `cargo test`
    }
}

fn kinds() -> impl Iterator<Item = Kind> {
    GROUPS.iter().flat_map(|&(_, host, tokens, stacks)| {
        stacks.iter().map(move |&stack| Kind(host, tokens, stack))
    })
}

/// One server's turn.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    /// Microseconds on a processor for each answer.
    cost: f64,
}

fn compare() {
    for &(name, host, tokens, stacks) in GROUPS {
        println!(
            "| {name} | answers a second | µs of processor each | share of one core | 10-90 % |"
        );
        println!("|---|---:|---:|---:|---:|");
        let servers: Vec<_> =
            stacks.iter().map(|&stack| Process::start(Kind(host, tokens, stack))).collect();
        for server in &servers {
            client::keep_busy(server, WARM_UP);
        }
        let mut turns = vec![Vec::new(); servers.len()];
        for _ in 0..ROUNDS {
            for (server, turns) in servers.iter().zip(&mut turns) {
                let before = server.on_processor();
                let answers = client::keep_busy(server, TURN) as f64;
                let cost = (server.on_processor() - before).as_secs_f64() * 1e6 / answers;
                turns.push(Turn { per_second: answers / TURN.as_secs_f64(), cost });
            }
        }
        for (server, own) in servers.iter().zip(&turns) {
            let [_, cost, _] = spread(own.iter().map(|turn| turn.cost));
            let [_, rate, _] = spread(own.iter().map(|turn| turn.per_second));
            // Of the turns of one round, which met the same machine.
            let shares = turns[0].iter().zip(own).map(|(bare, own)| bare.cost / own.cost);
            let [low, share, high] = spread(shares);
            let label = server.kind.label();
            println!("| {label} | {rate:.0} | {cost:.1} | {share:.2} | {low:.2}..{high:.2} |");
        }
        println!();
    }
}

/// The median, between the ends of the middle 80 %.
fn spread(of: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut of: Vec<f64> = of.collect();
    of.sort_by(f64::total_cmp);
    [1, 5, 9].map(|tenths| of[of.len() * tenths / 10])
}
