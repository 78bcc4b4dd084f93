//! The scripts, and how they are asked.

use tower_ready_core::Instant;

use super::{
    Script,
    batch::Wish,
    lease::{Ask, Grant},
    terms::Terms,
    ticks::Ticks,
};
use crate::{
    KeyHash,
    quota::Span,
    store::{Change, StoreError},
};

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) take: Script,
    pub(super) adjust: Script,
    pub(super) lease: Script,
    pub(super) beat: Script,
}

/// Words of a command.
pub(super) type Words = Vec<Vec<u8>>;

/// How a set stands after a call: how many requests passed, and how each bucket then stands.
#[derive(Debug)]
pub(super) struct Took {
    pub(super) passed: usize,
    pub(super) full: Vec<Span>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            take: Script::new(include_str!("lua/take.lua")),
            adjust: Script::new(include_str!("lua/adjust.lua")),
            lease: Script::new(include_str!("lua/lease.lua")),
            beat: Script::new(include_str!("lua/beat.lua")),
        }
    }
}

/// The name of a bucket. What is in braces is the same for all buckets of one caller, and a cluster
/// keeps those with the same braces on one node.
pub(super) fn key(prefix: &str, key: KeyHash, leased: bool) -> Vec<u8> {
    let kind = if leased { ":l" } else { "" };
    format!("{prefix}:{{{:016x}}}:{:016x}{kind}", key.high(), key.low()).into_bytes()
}

fn word(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// For `take.lua`. `floors` says of each bucket what it lacks at least.
pub(super) fn take_args(requests: usize, wishes: &[Wish], floors: &[u64]) -> Words {
    let mut args = vec![word(requests as u64)];
    for (wish, floor) in wishes.iter().zip(floors) {
        let ticks = Ticks::of(&wish.quota);
        let deepest = ticks.deepest(wish.debt);
        let numbers = [
            ticks.cost(wish.units),
            ticks.tolerance,
            ticks.per_micro,
            // What a caller owes under another plan is no debt to cut off.
            if wish.swapped { deepest } else { Ticks::MAX },
            (*floor).min(deepest),
        ];
        args.extend(numbers.map(word));
    }
    args
}

pub(super) fn took(asked: Instant, wishes: &[Wish], reply: &[i64]) -> Result<Took, StoreError> {
    let [passed, missing @ ..] = reply else { return Err(strange()) };
    if missing.len() != wishes.len() {
        return Err(strange());
    }
    let full = wishes.iter().zip(missing).map(|(wish, missing)| {
        let missing = u64::try_from(*missing).unwrap_or(0);
        Ticks::of(&wish.quota).full(asked, missing, wish.quota.rate())
    });
    let passed = usize::try_from(*passed).map_err(|_| strange())?;
    Ok(Took { passed, full: full.collect() })
}

pub(super) fn lease_args(
    node: &str,
    ask: &Ask,
    wish: &Wish,
    floor: u64,
    instances: u64,
    terms: &Terms,
) -> Words {
    let ticks = Ticks::of(&wish.quota);
    let deepest = ticks.deepest(wish.debt);
    let mut args = vec![node.as_bytes().to_vec()];
    let numbers = [
        ask.sequence,
        ask.held,
        ask.returned,
        ask.want,
        ask.ahead,
        ask.soon,
        terms.lag,
        instances,
        ticks.step,
        ticks.tolerance,
        ticks.per_micro,
        deepest,
        floor.min(deepest),
        u64::try_from(terms.life.as_micros()).unwrap_or(u64::MAX),
    ];
    args.extend(numbers.map(word));
    args
}

pub(super) fn granted(asked: Instant, wish: &Wish, reply: &[i64]) -> Result<Grant, StoreError> {
    let numbers: Vec<u64> = reply.iter().filter_map(|it| u64::try_from(*it).ok()).collect();
    match numbers[..] {
        [1, kept, granted, missing] => {
            let ticks = Ticks::of(&wish.quota);
            let full = ticks.full(asked, missing, wish.quota.rate());
            Ok(Grant { kept, granted, room: ticks.room(missing), full })
        }
        [0, ..] => Err(StoreError::new("a later message of this instance arrived before")),
        _ => Err(strange()),
    }
}

/// For `adjust.lua`. No change is a look.
pub(super) fn adjust_args(wish: &Wish, change: Option<Change>, leased: bool) -> Words {
    let ticks = Ticks::of(&wish.quota);
    let change = match change {
        None => "peek",
        Some(Change::Charge) => "charge",
        Some(Change::Refund) => "refund",
        Some(Change::Reset) => "reset",
    };
    vec![
        word(leased.into()),
        change.into(),
        word(ticks.cost(wish.units)),
        word(ticks.deepest(wish.debt)),
        word(ticks.per_micro),
    ]
}

fn strange() -> StoreError {
    StoreError::new("Redis gave a strange answer")
}

#[cfg(all(test, not(loom)))]
#[path = "scripts_tests.rs"]
mod tests;
