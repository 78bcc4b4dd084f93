use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::Request;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Bulkhead, Queue, admission::Decision, permit::Permit, wait::Wait};

const HOUR: Duration = Duration::from_secs(3_600);

/// The last of them has no share.
const NAMES: [&str; 3] = ["acme", "globex", "nobody"];
const SHARES: [f64; 2] = [0.5, 0.3];

/// What may happen to a bulkhead. Numbers choose a group, or one that is served or waits.
#[derive(Clone, Copy, Debug)]
enum Step {
    Come(usize),
    Finish(usize),
    Leave(usize),
    Limit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..NAMES.len()).prop_map(Step::Come),
        3 => any::<usize>().prop_map(Step::Finish),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => (1..12_usize).prop_map(Step::Limit),
    ]
}

fn share(limit: usize, group: usize) -> usize {
    ((limit as f64 * SHARES[group] + 1e-9) as usize).max(1)
}

fn of_group<T>(all: &[(usize, T)], group: usize) -> usize {
    all.iter().filter(|it| it.0 == group).count()
}

proptest! {
    #[test]
    fn nobody_waits_whose_group_has_less_than_its_share(
        limit in 1..12_usize,
        length in 1..5_usize,
        steps in vec(step(), 1..100),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let _entered = runtime.enter();
        let mut cx = Context::from_waker(Waker::noop());

        let groups = Partitions::by(|head| head.uri().path().strip_prefix('/'));
        let groups = groups.share(NAMES[0], SHARES[0]).share(NAMES[1], SHARES[1]);
        let queue = Queue::new(length, HOUR).overload(HOUR, HOUR);
        let bulkhead = Bulkhead::builder().limit(limit).queue(queue).partitions(groups);
        let bulkhead = bulkhead.build().unwrap();
        let mut served: Vec<(usize, Permit)> = Vec::new();
        let mut waiting: Vec<(usize, Wait)> = Vec::new();
        let (mut limit, mut most) = (limit, 0);
        for step in steps {
            match step {
                Step::Come(group) => {
                    let request = Request::get(format!("/{}", NAMES[group])).body(()).unwrap();
                    match bulkhead.0.decide(&Head::of(&request)) {
                        Decision::Admitted(permit) => served.push((group, permit)),
                        Decision::Waits(wait) => waiting.push((group, wait)),
                        Decision::Refused(_) => {}
                        Decision::Exempt => unreachable!("none is"),
                    }
                }
                Step::Finish(at) if !served.is_empty() => {
                    drop(served.remove(at % served.len()));
                }
                Step::Leave(at) if !waiting.is_empty() => {
                    drop(waiting.remove(at % waiting.len()));
                }
                Step::Limit(other) => {
                    bulkhead.set_limit(other).unwrap();
                    limit = other;
                }
                Step::Finish(_) | Step::Leave(_) => {}
            }
            for (group, mut wait) in std::mem::take(&mut waiting) {
                match wait.poll(&mut cx) {
                    Poll::Pending => waiting.push((group, wait)),
                    Poll::Ready(Ok(permit)) => served.push((group, permit)),
                    Poll::Ready(Err(reason)) => panic!("{reason:?}"),
                }
            }
            most = most.max(limit + share(limit, 0) + share(limit, 1));
            prop_assert!(served.len() <= most);
            prop_assert_eq!(bulkhead.in_flight(), served.len());
            prop_assert_eq!(bulkhead.queued(), waiting.len());
            prop_assert!(waiting.is_empty() || served.len() >= limit);
            for (group, name) in NAMES[..SHARES.len()].iter().enumerate() {
                let taken = of_group(&served, group);
                prop_assert_eq!(bulkhead.partition(name), Some(taken));
                prop_assert!(of_group(&waiting, group) == 0 || taken >= share(limit, group));
            }
        }
        drop((served, waiting));
        prop_assert_eq!((bulkhead.in_flight(), bulkhead.queued()), (0, 0));
    }
}
