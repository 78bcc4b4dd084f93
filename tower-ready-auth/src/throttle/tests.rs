use super::{
    table::{MOST, Passing, Table},
    *,
};

const MINUTE: Duration = Duration::from_secs(60);

const START: Instant = Instant::from_nanos(1 << 40);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Credentials of somebody at an address.
#[derive(Clone, Copy)]
struct Caller(&'static str, &'static str, &'static [u8]);

impl Caller {
    fn attempt(self) -> Attempt<'static, impl FnOnce() -> &'static str> {
        Attempt { source: address(self.0), credentials: self.2, claim: move || self.1 }
    }

    fn fails(self, throttle: &Throttle, now: Instant) -> Option<Duration> {
        throttle.failed(self.attempt(), now)
    }

    fn waits(self, throttle: &Throttle, now: Instant) -> Option<Duration> {
        throttle.wait(self.attempt(), now)
    }
}

const ALICE: Caller = Caller("192.0.2.1", "alice", b"hers");

#[test]
fn so_many_failures_are_free_and_the_next_ones_cost_ever_more() {
    let (throttle, mut now) = (Throttle::new(60, MINUTE), START);
    for n in 1..60 {
        assert_eq!(ALICE.fails(&throttle, now), None, "{n}");
        assert_eq!(ALICE.waits(&throttle, now), None);
    }
    for seconds in [1, 2, 4, 8, 16] {
        let lock = Duration::from_secs(seconds);
        // After a longer lock more than one failure is free again, so fail until it locks.
        let locked = (0..60).find_map(|_| ALICE.fails(&throttle, now));
        assert_eq!(locked, Some(lock));
        assert_eq!(ALICE.waits(&throttle, now), Some(lock));
        now = now + lock;
        assert_eq!(ALICE.waits(&throttle, now), None);
    }
    now = now + MINUTE * 2;
    let locked = (0..60).find_map(|_| ALICE.fails(&throttle, now));
    assert_eq!(locked, Some(Duration::from_secs(1)), "all is forgotten");
}

/// A client whose key was replaced may have a hundred requests under way.
#[test]
fn failures_that_were_under_way_make_a_lock_no_longer() {
    let throttle = Throttle::new(60, MINUTE);
    let second = Some(Duration::from_secs(1));
    for n in 1..=100 {
        assert_eq!(ALICE.fails(&throttle, START), second.filter(|_| n >= 60), "{n}");
    }
    assert_eq!(ALICE.waits(&throttle, START), second);
}

#[test]
fn a_lock_has_an_end() {
    let (throttle, mut now) = (Throttle::new(1, MINUTE), START);
    for _ in 0..40 {
        let lock = ALICE.fails(&throttle, now).unwrap();
        assert!(lock <= LONGEST);
        assert_eq!(ALICE.waits(&throttle, now), Some(lock), "also when the address is quiet");
        now = now + lock;
        assert_eq!(ALICE.waits(&throttle, now), None);
    }
}

#[test]
fn nobody_locks_out_another_address() {
    let throttle = Throttle::new(1, MINUTE);
    assert!(throttle.is_quiet());
    for (bad, same, other) in [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
    ] {
        let at = |source| Caller(source, "alice", b"");
        for _ in 0..100 {
            at(bad).fails(&throttle, START);
        }
        assert!(at(same).waits(&throttle, START).is_some());
        assert!(at(other).waits(&throttle, START).is_none());
    }
    assert!(!throttle.is_quiet());
}

#[test]
fn nobody_locks_out_another_caller_of_the_same_address() {
    let throttle = Throttle::new(60, MINUTE);
    let bob = Caller("192.0.2.1", "bob", b"guess");
    while bob.fails(&throttle, START).is_none() {}
    assert!(bob.waits(&throttle, START).is_some());
    assert!(ALICE.waits(&throttle, START).is_none());
    // Not even who claims to be her.
    throttle.succeeded(&ALICE.attempt(), START);
    let thief = Caller("192.0.2.1", "alice", b"guess");
    while thief.fails(&throttle, START).is_none() {}
    assert!(thief.waits(&throttle, START).is_some());
    assert!(ALICE.waits(&throttle, START).is_none());
    // Her credentials are let off for as long as they are good.
    assert!(ALICE.fails(&throttle, START).is_some());
    assert!(ALICE.waits(&throttle, START).is_some());
}

/// To claim to be another each time must not be a way around.
#[test]
fn an_address_has_a_bound_whatever_its_callers_claim() {
    let throttle = Throttle::new(60, MINUTE);
    let attempt =
        |n: u32| Attempt { source: address("192.0.2.1"), credentials: b"", claim: move || n };
    let fails = |n| throttle.failed(attempt(n), START);
    assert_eq!((0..10_000).position(|n| fails(n).is_some()), Some(599));
    assert!(throttle.wait(attempt(77_777), START).is_some());
    // Who got in there while others failed goes on getting in.
    throttle.succeeded(&ALICE.attempt(), START);
    assert!(ALICE.waits(&throttle, START).is_none());
    let later = START + MINUTE;
    assert!(throttle.wait(attempt(77_777), later).is_none());
}

#[test]
fn where_nobody_fails_nothing_is_remembered() {
    let throttle = Throttle::new(60, MINUTE);
    throttle.succeeded(&ALICE.attempt(), START);
    assert_eq!(throttle.good.len(), 0);
    ALICE.fails(&throttle, START);
    throttle.succeeded(&ALICE.attempt(), START);
    assert_eq!(throttle.good.len(), 1);
    assert!(ALICE.waits(&throttle, START + MINUTE).is_none());
    assert!(throttle.is_quiet(), "what is over is forgotten when it is looked at");
}

#[test]
fn a_flood_of_addresses_has_a_bound() {
    let throttle = Throttle::new(1, MINUTE);
    let from = |source| Attempt { source, credentials: b"", claim: || () };
    for n in 0..2 * MOST as u32 {
        throttle.failed(from(IpAddr::V4(n.into())), START);
    }
    for table in [&throttle.addresses, &throttle.callers] {
        assert!((MOST / 2..=MOST).contains(&table.len()), "{}", table.len());
    }
    // Once they are quiet, they make room.
    let later = START + LONGEST + MINUTE;
    assert!(throttle.failed(from(address("2001:db8::1")), later).is_some());
    assert!(throttle.wait(from(address("2001:db8::1")), later).is_some());
}

#[test]
fn a_table_counts_what_is_in_it() {
    struct Until(Instant);

    impl Passing for Until {
        fn is_over(&self, now: Instant) -> bool {
            self.0 <= now
        }
    }

    let table = Table::new();
    let until = |seconds| Until(START + Duration::from_secs(seconds));
    for key in 0..100 {
        assert_eq!(table.change(key, START, until(key), |it| it.0), Some(until(key).0));
    }
    assert_eq!(table.len(), 100);
    table.remove(7);
    table.remove(7);
    assert_eq!(table.len(), 99);
    let half = START + Duration::from_secs(50);
    assert_eq!((0..100).filter(|key| table.look(*key, half, |_| ()).is_some()).count(), 49);
    assert_eq!(table.len(), 49);
}
