use std::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    thread,
    time::Duration,
};

use proptest::{collection::vec, prelude::*};

use super::*;

const SHARES: Shares = Shares { low: 400, normal: 700 };

/// A queue that is never taken for an overload.
fn rule(length: usize) -> Rule {
    Rule {
        length,
        max_wait: Duration::from_secs(1),
        standing: Duration::MAX,
        short_wait: Duration::from_secs(1),
    }
}

/// What may happen to a gate. Numbers choose among those that hold a slot or wait.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(Priority),
    Wait(Priority),
    GiveBack,
    Leave(usize),
    Limit(u32),
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::Low), Just(Priority::Normal), Just(Priority::High)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => priority().prop_map(Step::Take),
        3 => priority().prop_map(Step::Wait),
        3 => Just(Step::GiveBack),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => (1..12_u32).prop_map(Step::Limit),
    ]
}

/// The same, slow and plain.
struct Model {
    limit: u32,
    taken: u32,
    length: usize,
    next: u32,
    /// Who waits, in the order in which they came.
    waiting: Vec<(Priority, u32)>,
    /// Who was given a slot since the last look.
    granted: Vec<u32>,
}

impl Model {
    fn has_room(&self, priority: Priority) -> bool {
        self.taken < SHARES.ceiling(self.limit, priority)
    }

    fn first(&self) -> Option<usize> {
        let most = self.waiting.iter().map(|it| it.0).max()?;
        self.waiting.iter().position(|it| it.0 == most)
    }

    fn grant(&mut self) {
        while let Some(at) = self.first().filter(|at| self.has_room(self.waiting[*at].0)) {
            self.taken += 1;
            self.granted.push(self.waiting.remove(at).1);
        }
    }

    fn take(&mut self, priority: Priority) -> bool {
        let takes = self.waiting.is_empty() && self.has_room(priority);
        self.taken += u32::from(takes);
        takes
    }

    /// Its number, or whether it got a slot at once; and who lost its place.
    fn wait(&mut self, priority: Priority) -> (Result<u32, bool>, Option<u32>) {
        let is_next = self.waiting.iter().all(|it| it.0 < priority);
        if is_next && self.has_room(priority) {
            self.taken += 1;
            return (Err(true), None);
        }
        let mut evicted = None;
        if self.waiting.len() == self.length {
            let least = self.waiting.iter().map(|it| it.0).min().unwrap();
            if least >= priority {
                return (Err(false), None);
            }
            let at = self.waiting.iter().position(|it| it.0 == least).unwrap();
            evicted = Some(self.waiting.remove(at).1);
        }
        self.next += 1;
        self.waiting.push((priority, self.next));
        (Ok(self.next), evicted)
    }

    fn leave(&mut self, number: u32) {
        self.waiting.retain(|it| it.1 != number);
        self.grant();
    }
}

proptest! {
    #[test]
    fn a_gate_does_what_its_model_does(
        limit in 1..12_u32,
        length in 1..5_usize,
        steps in vec(step(), 1..120),
    ) {
        let gate = Gate::new(limit, SHARES, None);
        let rule = rule(length);
        let mut model = Model {
            limit,
            taken: 0,
            length,
            next: 0,
            waiting: Vec::new(),
            granted: Vec::new(),
        };
        let mut held = 0_u32;
        let mut line: Vec<(u32, Place)> = Vec::new();
        for step in steps {
            match step {
                Step::Take(priority) => {
                    let takes = gate.try_take(priority);
                    prop_assert_eq!(takes, model.take(priority));
                    held += u32::from(takes);
                }
                Step::Wait(priority) => {
                    let (expected, evicted) = model.wait(priority);
                    match gate.enqueue(priority, Member::NONE, &rule) {
                        Enqueued::Taken => {
                            prop_assert_eq!(expected, Err(true));
                            held += 1;
                        }
                        Enqueued::Full => prop_assert_eq!(expected, Err(false)),
                        Enqueued::Waits(place) => line.push((expected.unwrap(), place)),
                    }
                    if let Some(evicted) = evicted {
                        let at = line.iter().position(|it| it.0 == evicted).unwrap();
                        let (_, place) = line.remove(at);
                        prop_assert_eq!(place.ticket.get(), State::Evicted);
                        prop_assert_eq!(gate.leave(&place), Left::Line);
                    }
                }
                Step::GiveBack if held > 0 => {
                    held -= 1;
                    gate.give_back();
                    model.taken -= 1;
                    model.grant();
                }
                Step::Leave(at) if !line.is_empty() => {
                    let (number, place) = line.remove(at % line.len());
                    prop_assert_eq!(gate.leave(&place), Left::Line);
                    model.leave(number);
                }
                Step::Limit(limit) => {
                    gate.set_limit(limit);
                    model.limit = limit;
                    model.grant();
                }
                Step::GiveBack | Step::Leave(_) => {}
            }
            for number in model.granted.drain(..) {
                let at = line.iter().position(|it| it.0 == number).unwrap();
                let (_, place) = line.remove(at);
                prop_assert_eq!(place.ticket.get(), State::Granted);
                prop_assert_eq!(gate.leave(&place), Left::WithSlot);
                held += 1;
            }
            prop_assert!(line.iter().all(|it| it.1.ticket.get() == State::Waiting));
            prop_assert_eq!(gate.taken(), model.taken);
            prop_assert_eq!(gate.taken(), held);
            prop_assert_eq!(gate.waiting() as usize, model.waiting.len());
        }
    }
}

#[test]
fn threads_never_hold_more_than_there_are_and_leave_nothing_behind() {
    const LIMIT: u32 = 3;
    let gate = Gate::new(LIMIT, Shares::ALL, None);
    let (rule, most, now) = (rule(2), AtomicU32::new(0), AtomicU32::new(0));
    let hold = || {
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        thread::yield_now();
        now.fetch_sub(1, SeqCst);
        gate.give_back();
    };
    thread::scope(|scope| {
        for number in 0..6_u32 {
            let (gate, rule, hold) = (&gate, &rule, &hold);
            scope.spawn(move || {
                for turn in 0..5_000_u32 {
                    if gate.try_take(Priority::Normal) {
                        hold();
                        continue;
                    }
                    match gate.enqueue(Priority::Normal, Member::NONE, rule) {
                        Enqueued::Taken => hold(),
                        Enqueued::Full => {}
                        Enqueued::Waits(place) => {
                            // Some lose patience, perhaps in the moment in which their slot comes.
                            let patient = (turn + number) % 3 != 0;
                            while patient && place.ticket.get() == State::Waiting {
                                thread::yield_now();
                            }
                            if gate.leave(&place) == Left::WithSlot {
                                hold();
                            }
                        }
                    }
                }
            });
        }
    });
    assert_eq!((gate.taken(), gate.waiting()), (0, 0));
    let most = most.load(SeqCst);
    assert!(most <= LIMIT, "{most}");
}

#[test]
fn a_share_is_a_part_of_the_limit_and_never_nothing() {
    for (limit, low, normal) in [(100, 40, 70), (10, 4, 7), (1, 1, 1), (2, 1, 1)] {
        let ceilings = [Priority::Low, Priority::Normal, Priority::High];
        let ceilings = ceilings.map(|priority| SHARES.ceiling(limit, priority));
        assert_eq!(ceilings, [low, normal, limit]);
    }
}
