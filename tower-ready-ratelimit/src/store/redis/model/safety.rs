//! Whatever happens, no more passes than the quota.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::world::{NODES, Step, World};
use crate::Quota;

fn step() -> impl Strategy<Value = Step> {
    let node = 0..NODES;
    prop_oneof![
        4 => (node.clone(), 1..6u64).prop_map(|(node, units)| Step::Call(node, units)),
        8 => (node.clone(), 1..80u64).prop_map(|(node, callers)| Step::Burst(node, callers)),
        8 => any::<usize>().prop_map(Step::Deliver),
        8 => Just(Step::Settle),
        2 => any::<usize>().prop_map(Step::Copy),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => node.clone().prop_map(Step::GiveUp),
        2 => node.clone().prop_map(Step::Tend),
        1 => node.clone().prop_map(Step::Drain),
        1 => node.prop_map(Step::Crash),
    ]
}

fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![5 => 0..2_000u64, 5 => 0..40_000u64, 3 => 0..300_000u64, 1 => 0..2_000_000u64]
}

fn quotas() -> impl Strategy<Value = Quota> {
    (prop_oneof![Just(7u64), Just(100), Just(333), Just(1_000)], 20..600u64)
        .prop_map(|(count, burst)| Quota::per_second(count).burst(burst))
}

/// What happens to a quota, on clocks of such drifts.
type Story = (Quota, [i64; NODES], Vec<(u64, Step)>);

fn stories() -> impl Strategy<Value = Story> {
    (quotas(), prop::array::uniform4(-5..=5i64), vec((pause(), step()), 1..150))
}

fn tell((quota, drifts, steps): Story, is_capped: bool) -> World {
    let mut world = World::new(quota, drifts);
    world.ledger.is_capped = is_capped;
    for (pause, step) in steps {
        world.now += pause;
        world.step(step);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_more_passes_than_the_quota(story in stories()) {
        prop_assert_eq!(tell(story, true).excess(), 0);
    }
}

/// The same stories without the one rule on which the protocol rests.
#[test]
fn a_bucket_that_refills_under_its_leases_lets_more_pass() {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::with_cases(2_000)
    };
    let outcome = TestRunner::new(config).run(&stories(), |story| {
        prop_assert_eq!(tell(story, false).excess(), 0);
        Ok(())
    });
    assert!(outcome.is_err(), "the stories are too tame to show anything");
}
