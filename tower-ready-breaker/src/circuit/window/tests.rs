use std::time::Duration;

use super::*;

const SECOND: u64 = 1_000_000_000;
const SPAN: Span = Span { bucket: SECOND, buckets: 10 };

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * SECOND)
}

#[test]
fn another_generation_begins_with_nothing() {
    let window = Window::new(SPAN, 1, 4, false);
    window.add(Kind::Failure, 1, at(100));
    assert_eq!(window.counts(1, at(100)).failures, 1);
    assert_eq!(window.counts(2, at(100)).failures, 0);
    window.add(Kind::Failure, 2, at(100));
    assert_eq!(window.counts(2, at(100)).failures, 1);
    assert_eq!(window.totals().failures, 2, "and a lifetime has both");
}

#[test]
fn who_comes_late_by_a_window_counts_in_the_bucket_that_took_the_place() {
    let window = Window::new(SPAN, 1, 4, false);
    window.add(Kind::Success, 1, at(110));
    window.add(Kind::Success, 1, at(100));
    assert_eq!(window.counts(1, at(110)).successes, 2);
    assert_eq!(window.totals().successes, 2);
}

#[test]
fn a_bucket_leaves_when_its_number_is_a_window_old() {
    let window = Window::new(SPAN, 4, 4, false);
    window.add(Kind::Slow, 1, at(100));
    assert_eq!(window.counts(1, at(109)).slow, 1);
    assert_eq!(window.counts(1, at(110)).slow, 0);
}

#[test]
fn calls_that_are_out_are_late_when_their_bucket_is_old_enough() {
    let window = Window::new(SPAN, 2, 4, true);
    for _ in 0..3 {
        window.begin(1, at(100));
    }
    window.begin(1, at(104));
    let late = |by, now| window.late(1, at(by), at(now));
    assert_eq!((late(100, 102), late(101, 103), late(105, 107)), (0, 3, 4));
    window.end(1, at(100), at(103));
    assert_eq!(late(101, 103), 2);
    window.end(1, at(100), at(110));
    assert_eq!(late(109, 110), 1, "what began a window ago is not asked for any more");
}

#[test]
fn a_bucket_may_be_as_short_as_a_part_of_a_millisecond() {
    let span = Span { bucket: 39_062, buckets: 256 };
    let window = Window::new(span, 1, 4, false);
    let mut now = Instant::from_nanos(span.bucket * 1_000_000);
    for _ in 0..10_000 {
        window.add(Kind::Success, 1, now);
        now = now + Duration::from_nanos(span.bucket);
    }
    let counts = window.counts(1, now - Duration::from_nanos(1));
    assert_eq!(counts.successes, 256);
    assert_eq!(window.totals().successes, 10_000);
}
