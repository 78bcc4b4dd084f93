//! Little is refused that a single bucket would admit, and few messages are sent for that.

use super::world::{Message, NODES, Step, World};
use crate::{Quota, store::redis::ticks::Ticks};

/// How much of a load was admitted, by instances and by a single bucket, and on how many messages.
#[derive(Debug, Default)]
struct Run {
    offered: u64,
    single: u64,
    admitted: u64,
    messages: u64,
}

/// So many callers a second, for so many milliseconds each, on instances that take turns. A message
/// takes 200 microseconds.
fn offer(quota: Quota, phases: &[(u64, u64)]) -> Run {
    let mut world = World::new(quota, [0; NODES]);
    let mut run = Run::default();
    let Ticks { step, tolerance, per_micro } = world.ticks;
    let (mut level, mut last) = (0u64, world.now);
    let (mut deliver, mut tend) = (world.now, world.now);
    for (each_second, millis) in phases {
        let begin = world.now;
        for number in 0..each_second * millis / 1_000 {
            world.now = begin + number * 1_000_000 / each_second;
            while deliver <= world.now {
                deliver += 50;
                run.messages +=
                    u64::from(matches!(world.network.first(), Some(Message::Ask { .. })));
                world.step(Step::Deliver(0));
            }
            if tend <= world.now {
                tend += 200_000;
                (0..NODES).for_each(|node| world.step(Step::Tend(node)));
            }
            level = level.saturating_sub((world.now - last) * per_micro);
            last = world.now;
            if level + step <= tolerance {
                level += step;
                run.single += 1;
            }
            run.offered += 1;
            world.step(Step::Call((run.offered * 7) as usize % NODES, 1));
        }
        world.now = begin + millis * 1_000;
    }
    run.admitted = world.admitted.iter().map(|(_, units)| units).sum();
    assert_eq!(world.excess(), 0);
    run
}

/// Parts of a quota that instances are asked for in five seconds, which begin with a full bucket.
const LOADS: [&[(u64, u64)]; 10] = [
    &[(60, 5_000)],
    &[(90, 5_000)],
    &[(100, 5_000)],
    &[(120, 5_000)],
    &[(150, 5_000)],
    &[(200, 5_000)],
    &[(400, 5_000)],
    &[(2_000, 5_000)],
    &[(90, 1_000), (200, 4_000)],
    &[(90, 4_000), (200, 1_000)],
];

fn offers(quota: Quota) -> impl Iterator<Item = (String, Run)> {
    LOADS.into_iter().map(move |load| {
        let phases: Vec<_> =
            load.iter().map(|(percent, millis)| (quota.count() * percent / 100, *millis)).collect();
        (format!("{quota}, {load:?}"), offer(quota, &phases))
    })
}

#[test]
fn little_is_refused_that_a_single_bucket_would_admit() {
    for quota in [Quota::per_second(5_000), Quota::per_second(1_000)] {
        for (load, run) in offers(quota) {
            assert!(run.admitted * 100 >= run.single * 99, "{load}: {run:?}");
        }
    }
}

#[test]
fn a_burst_at_once_empties_the_bucket() {
    // A thousand in four milliseconds.
    for quota in [Quota::per_second(10).burst(500), Quota::per_second(1_000).burst(500)] {
        let run = offer(quota, &[(250_000, 4)]);
        assert!(run.admitted * 100 >= run.single * 95, "{quota}: {run:?}");
    }
}

#[test]
fn a_message_is_sent_for_many_callers() {
    for (load, run) in offers(Quota::per_second(5_000)) {
        assert!(run.messages * 40 <= run.offered, "{load}: {run:?}");
    }
    // And for more of them, the hotter the key is.
    for (quota, callers) in [(50_000, 400), (500_000, 2_000)] {
        let run = offer(Quota::per_second(quota), &[(quota / 2, 1_000)]);
        assert_eq!(run.admitted, run.offered, "{run:?}");
        assert!(run.messages * callers <= run.offered, "{run:?}");
    }
}
