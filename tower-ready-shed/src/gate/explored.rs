//! What loom explores: every interleaving of threads at one gate.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tower-ready-shed --lib --release explored`

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    task::{Wake, Waker},
    time::Duration,
};

use loom::thread;

use super::*;

/// A queue that is never taken for an overload.
const RULE: Rule =
    Rule { length: 1, max_wait: Duration::MAX, standing: Duration::MAX, short_wait: Duration::MAX };

/// A gate of which so many slots are taken.
fn gate(limit: u32, taken: u32) -> Arc<Gate> {
    let gate = Gate::new(limit, Shares::ALL, None);
    for _ in 0..taken {
        assert!(gate.try_take(Priority::Normal));
    }
    Arc::new(gate)
}

/// Whether somebody was woken.
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Comes for a slot and waits if there is none: whether it has one when all others are done.
struct Comes {
    place: Option<Place>,
    bell: std::sync::Arc<Bell>,
    /// It was waiting when it looked, so it has to be woken.
    waited: bool,
}

impl Comes {
    fn to(gate: &Gate) -> Self {
        let bell = std::sync::Arc::new(Bell(AtomicBool::new(false)));
        let mut comes = Self { place: None, bell, waited: false };
        if gate.try_take(Priority::Normal) {
            return comes;
        }
        match gate.enqueue(Priority::Normal, Member::NONE, &RULE) {
            Enqueued::Taken => {}
            Enqueued::Waits(place) => {
                let waker = Waker::from(std::sync::Arc::clone(&comes.bell));
                comes.waited = gate.wait(&place, &waker) == State::Waiting;
                comes.place = Some(place);
            }
            Enqueued::Full => unreachable!("there is room for one"),
        }
        comes
    }

    #[track_caller]
    fn assert_has_slot(&self) {
        assert!(self.place.as_ref().is_none_or(|place| place.ticket.get() == State::Granted));
        assert!(!self.waited || self.bell.0.load(SeqCst), "it was granted and not told");
    }
}

#[test]
fn a_slot_that_comes_back_finds_whoever_comes_for_it() {
    loom::model(|| {
        let gate = gate(1, 1);
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || Comes::to(&gate))
        };
        gate.give_back();
        other.join().unwrap().assert_has_slot();
        assert_eq!((gate.taken(), gate.waiting()), (1, 0));
    });
}

#[test]
fn one_slot_is_for_one() {
    loom::model(|| {
        let gate = gate(1, 0);
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.try_take(Priority::Normal))
        };
        let here = gate.try_take(Priority::Normal);
        assert!(here ^ other.join().unwrap());
        assert_eq!(gate.taken(), 1);
    });
}

#[test]
fn who_leaves_as_its_slot_comes_takes_none_along() {
    loom::model(|| {
        let gate = gate(1, 1);
        let Enqueued::Waits(place) = gate.enqueue(Priority::Normal, Member::NONE, &RULE) else {
            unreachable!("the slot is taken")
        };
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.give_back())
        };
        if gate.leave(&place) == Left::WithSlot {
            gate.give_back();
        }
        other.join().unwrap();
        assert_eq!((gate.taken(), gate.waiting()), (0, 0));
        assert!(gate.try_take(Priority::Normal));
    });
}

#[test]
fn more_slots_reach_whoever_comes_meanwhile() {
    loom::model(|| {
        let gate = gate(1, 1);
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || Comes::to(&gate))
        };
        gate.set_limit(2);
        other.join().unwrap().assert_has_slot();
        assert_eq!((gate.taken(), gate.waiting()), (2, 0));
    });
}

/// The line has stood for too long, so whoever comes takes the place of the only one that waits.
#[test]
fn a_slot_that_comes_back_finds_whoever_takes_the_place_of_another() {
    const OVERLOADED: Rule = Rule { standing: Duration::ZERO, ..RULE };
    loom::model(|| {
        let gate = gate(1, 1);
        let come = || match gate.enqueue(Priority::Normal, Member::NONE, &OVERLOADED) {
            Enqueued::Waits(place) => place,
            Enqueued::Taken | Enqueued::Full => {
                unreachable!("the slot is taken, and there is room")
            }
        };
        let old = come();
        let now = Instant::now();
        while Instant::now() <= now {}
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.give_back())
        };
        let new = come();
        other.join().unwrap();
        let states = (old.ticket.get(), new.ticket.get());
        let one_has_it = [(State::Granted, State::Waiting), (State::Evicted, State::Granted)];
        assert!(one_has_it.contains(&states), "{states:?}");
        assert_eq!(gate.taken(), 1);
    });
}

#[test]
fn two_slots_that_come_back_at_once_are_two() {
    loom::model(|| {
        let gate = gate(2, 2);
        let comes = Comes::to(&gate);
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.give_back())
        };
        gate.give_back();
        other.join().unwrap();
        comes.assert_has_slot();
        assert_eq!((gate.taken(), gate.waiting()), (1, 0));
    });
}
