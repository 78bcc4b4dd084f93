//! The scripts on a real Redis, whose clock the test sets, beside their references in Rust.

use std::time::Duration;

use tower_ready_testing::redis::Redis;

use super::*;
use crate::{Level, Quota, store::redis::model::ledger::Ledger};

/// Runs a script at that microsecond.
fn run(redis: &Redis, script: &Script, micros: u64, key: &str, args: &Words) -> Vec<i64> {
    let clock = "{ARGV[#ARGV - 1], ARGV[#ARGV]}";
    let source = script.source().replace("redis.call('TIME')", clock);
    assert!(source.contains(clock));
    // Redis would forget by its own clock.
    let source = source.replace(", 'PX', string.format('%.0f', math.floor(micros / 1000) + 1)", "");
    let mut command = vec!["EVAL".to_owned(), source, "1".to_owned(), key.to_owned()];
    command.extend(args.iter().map(|word| String::from_utf8(word.clone()).unwrap()));
    command.extend([(micros / 1_000_000).to_string(), (micros % 1_000_000).to_string()]);
    let command: Vec<&str> = command.iter().map(|word| &**word).collect();
    redis.cli(&command).lines().map(|line| line.parse().unwrap()).collect()
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

const START: u64 = 1_790_000_000_000_000;

#[test]
fn the_script_decides_as_the_buckets_in_memory_do() {
    let redis = Redis::start();
    let scripts = Scripts::new();
    for (number, quota) in [
        Quota::per_second(3),
        Quota::per_second(1_000_007).burst(13),
        Quota::per_day(7).burst(3),
        Quota::per_minute(100),
        Quota::new(999_983, Duration::from_secs(3_600)).burst(1_000),
        Quota::per_second(1_000_000_000).burst(2_000),
    ]
    .into_iter()
    .enumerate()
    {
        let mut next = random(number as u64 + 1);
        let unit = quota.period().as_micros() as u64 / quota.count() + 1;
        let (mut micros, mut full) = (START, Span::ZERO);
        let key = format!("{number}");
        for _ in 0..150 {
            micros += if next(3) == 0 { next(quota.max_burst() * unit) } else { next(2 * unit) };
            let now = Instant::from_nanos(micros * 1_000);
            let (units, requests) = (next(4), 1 + next(4) as usize);
            let wish = Wish { key: KeyHash::from_bits(1), quota, units, debt: 0, swapped: false };
            let reply =
                run(&redis, &scripts.take, micros, &key, &take_args(requests, &[wish], &[0]));
            let took = took(now, &[wish], &reply).unwrap();

            let mut level = Level::read(&quota, now, full, 0);
            let mut passed = 0;
            while let Some(taken) = level.take(units).filter(|_| passed < requests) {
                (level, passed) = (taken, passed + 1);
            }
            assert_eq!(took.passed, passed, "{quota} {units}");
            full = level.full.max(now.into());
            assert_eq!(took.full[0], full, "{quota} {units}");
        }
    }
}

#[test]
fn the_script_leases_as_its_model_does() {
    let redis = Redis::start();
    let scripts = Scripts::new();
    for (number, quota) in
        [Quota::per_second(100), Quota::per_second(333).burst(50), Quota::per_minute(7_000)]
            .into_iter()
            .enumerate()
    {
        let mut next = random(number as u64 + 1);
        let terms = Terms::new(&quota, Duration::from_secs(1));
        let mut ledger = Ledger::new(Ticks::of(&quota), 1_000_000, terms.lag);
        let (mut micros, mut sequence) = (START, 0);
        let key = format!("{number}");
        let wish = Wish { key: KeyHash::from_bits(1), quota, units: 0, debt: 0, swapped: false };
        for _ in 0..250 {
            micros += [0, 300, 30_000, 400_000, 1_500_000][next(5) as usize];
            sequence += 1;
            let ask = Ask {
                // At times an old message comes again.
                sequence: sequence - if next(5) == 0 { next(sequence) } else { 0 },
                held: next(40),
                returned: next(20) * next(2),
                want: next(30),
                callers: 1,
                ahead: next(60) * next(2),
                soon: next(10),
                at: Instant::from_nanos(1),
            };
            let node = format!("{:016x}", next(3));
            let args = lease_args(&node, &ask, &wish, 0, 3, &terms);
            let reply = run(&redis, &scripts.lease, micros, &key, &args);
            let expected = ledger.ask(micros, &node, &ask, 3).map(|number| number as i64);
            assert_eq!(reply, expected, "{quota} {ask:?}");
        }
    }
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let wish = Wish {
        key: KeyHash::from_bits(1),
        quota: Quota::per_second(1),
        units: 1,
        debt: 0,
        swapped: false,
    };
    let now = Instant::from_nanos(1);
    for reply in [&[][..], &[1], &[-1, 5], &[1, 2, 3]] {
        assert!(took(now, &[wish], reply).is_err());
    }
    for reply in [&[][..], &[1], &[0, 0, 0, 7], &[2, 1, 1, 1], &[1, -1, 1, 1]] {
        assert!(granted(now, &wish, reply).is_err());
    }
}
