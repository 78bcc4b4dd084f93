use std::time::Duration;

use proptest::prelude::*;
use sfv::{BareItem, Item as Parsed, List, ListEntry, Parser};
use tower_ready_core::Instant;

use super::*;
use crate::quota::Span;

const NOW: Instant = Instant::from_nanos(86_400_000_000_000);

fn level(quota: Quota, taken: u64) -> Level {
    Level::read(&quota, NOW, Span::ZERO, 0).charge(taken)
}

fn rate(name: &str, quota: Quota, taken: u64) -> Item<'_> {
    Item::Rate { name, level: level(quota, taken), refused: None }
}

fn written(fields: Fields, items: &[Item<'_>]) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    fields.lines(items.iter().cloned(), None).insert_into(&mut headers);
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What an independent parser of RFC 9651 makes of a line.
fn parsed(line: &str) -> Vec<(String, Vec<(String, BareItem)>)> {
    let list: List = Parser::new(line).parse().unwrap();
    let item = |entry: ListEntry| match entry {
        ListEntry::Item(Parsed { bare_item, params }) => {
            let BareItem::String(name) = bare_item else { panic!("{bare_item:?} names no policy") };
            let params = params.into_iter().map(|(name, value)| (name.to_string(), value));
            (name.to_string(), params.collect())
        }
        ListEntry::InnerList(list) => panic!("{list:?} is no policy"),
    };
    list.into_iter().map(item).collect()
}

fn integer(params: &[(String, BareItem)], name: &str) -> i64 {
    let value = params.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let Some(BareItem::Integer(integer)) = value else { panic!("{name}: {value:?}") };
    i64::from(*integer)
}

#[test]
fn the_draft_lists_every_policy() {
    let items = [
        rate("burst", Quota::per_second(10), 4),
        rate("daily", Quota::per_day(1_000).burst(50), 1),
    ];
    assert_eq!(
        written(Fields::Draft11, &items),
        [
            pair("ratelimit-policy", r#""burst";q=10;w=1, "daily";q=1000;w=86400;tr-burst=50"#),
            pair("ratelimit", r#""burst";r=6;t=1, "daily";r=49;t=4234"#),
        ]
    );
}

#[test]
fn forms_without_room_for_several_tell_of_the_tightest() {
    let items = [rate("hour", Quota::per_hour(100), 10), rate("minute", Quota::per_minute(20), 18)];
    let values = ["20", "2", "6"];
    let names = ["limit", "remaining", "reset"];
    for (fields, prefix) in [(Fields::Draft6, "ratelimit"), (Fields::XRateLimit, "x-ratelimit")] {
        let expected = names.iter().zip(values);
        let expected = expected.map(|(name, value)| pair(&format!("{prefix}-{name}"), value));
        assert_eq!(written(fields, &items), expected.collect::<Vec<_>>());
    }
    let epoch = written(Fields::XRateLimitEpoch, &items);
    assert!(epoch[2].1.parse::<u64>().unwrap() > 1_700_000_000);
    assert_eq!(written(Fields::None, &items), []);
    assert_eq!(written(Fields::Draft6, &[]), []);
    assert_eq!(written(Fields::Draft11, &[]), []);
}

#[test]
fn permits_are_a_quota_of_requests_at_a_time() {
    let items = [Item::Permits { name: "uploads", each: 4, left: 1 }];
    assert_eq!(
        written(Fields::Draft11, &items),
        [
            pair("ratelimit-policy", r#""uploads";q=4;qu="concurrent-requests""#),
            pair("ratelimit", r#""uploads";r=1"#),
        ]
    );
}

#[test]
fn a_refusal_is_told_in_seconds_rounded_up() {
    let quota = Quota::per_second(3).burst(1);
    let refused = |wait| Item::Rate { name: "a", level: level(quota, 1), refused: Some(wait) };
    for (millis, seconds) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
        let lines = written(Fields::Draft11, &[refused(Duration::from_millis(millis))]);
        assert_eq!(lines[1].1, format!(r#""a";r=0;t={seconds}"#));
    }
}

#[test]
fn a_limiter_further_out_adds_its_lines_and_keeps_the_tighter_three() {
    let mut headers = HeaderMap::new();
    for (fields, taken) in [(Fields::Draft11, 1), (Fields::Draft6, 9), (Fields::Draft6, 3)] {
        let items = [rate("a", Quota::per_second(10), taken)];
        fields.lines(items.iter().cloned(), None).insert_into(&mut headers);
    }
    let items = [rate("b", Quota::per_second(10), 2)];
    Fields::Draft11.lines(items.iter().cloned(), None).insert_into(&mut headers);
    assert_eq!(headers.get_all("ratelimit").iter().count(), 2);
    assert_eq!(headers["ratelimit-remaining"], "1");
}

#[test]
fn a_window_of_less_than_a_second_is_told_as_one() {
    let policy = |quota| policy_line([rate("a", quota, 0)].into_iter());
    assert_eq!(policy(Quota::new(5, Duration::from_millis(100))), r#""a";q=50;w=1"#);
    assert_eq!(policy(Quota::new(3, Duration::from_millis(1_500))), r#""a";q=4;w=2"#);
}

proptest! {
    #[test]
    fn whatever_is_written_parses_and_is_true(
        policies in prop::collection::vec(
            ("[A-Za-z0-9._~-]{1,64}", prop_oneof![1u64..1_000_000, Just(10_000_000_000)], 1u64..100_000_000_000_000, 1u64..1_000_000, any::<u64>()),
            1..=8,
        ),
    ) {
        let quotas: Vec<_> = policies.iter()
            .map(|(name, count, period, burst, taken)| {
                let quota = Quota::new(*count, Duration::from_nanos(*period)).burst(*burst);
                (name, quota, taken % (burst + 1))
            })
            .filter(|(_, quota, _)| quota.check().is_ok())
            .collect();
        let items: Vec<_> = quotas.iter().map(|(name, quota, taken)| rate(name, *quota, *taken)).collect();
        prop_assume!(!items.is_empty());
        let lines = written(Fields::Draft11, &items);
        let (policy, limit) = (parsed(&lines[0].1), parsed(&lines[1].1));
        prop_assert_eq!(policy.len(), items.len());
        for (((name, quota, taken), (policy_name, q)), (limit_name, r)) in quotas.iter().zip(policy).zip(limit) {
            prop_assert_eq!(&policy_name, *name);
            prop_assert_eq!(&limit_name, *name);
            let (remaining, window) = (integer(&r, "r"), integer(&r, "t"));
            prop_assert_eq!(remaining as u64, quota.max_burst() - taken);
            prop_assert!(integer(&q, "q") >= 0 && integer(&q, "w") > 0);
            // Nobody who paces itself by the fields is faster than the quota, and at the end of the
            // window there is more than there was.
            let earned = u128::from(quota.count()) * window as u128 * 1_000_000_000;
            prop_assert!(remaining as u128 * quota.period().as_nanos() <= earned);
            if *taken > 0 && remaining > 0 {
                let next = level(*quota, *taken).wait(remaining as u64 + 1).unwrap();
                prop_assert!(next <= Duration::from_secs(window as u64));
            }
        }
    }
}
