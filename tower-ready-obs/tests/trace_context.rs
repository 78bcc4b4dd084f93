//! W3C Trace Context level 2, rule by rule.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use tower_ready_core::TraceId;
use tower_ready_obs::{SpanId, TraceContext, TraceState};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    lines.iter().map(line).collect()
}

fn parent(value: &str) -> Option<TraceContext> {
    TraceContext::extract(&headers(&[("traceparent", value)]))
}

/// What is written for what was read.
fn again(value: &str) -> Option<String> {
    parent(value).map(|context| context.traceparent().to_str().unwrap().to_owned())
}

fn state(values: &[&str]) -> TraceState {
    TraceState::of(&headers(&values.iter().map(|value| ("tracestate", *value)).collect::<Vec<_>>()))
}

fn members(count: usize) -> String {
    (0..count).map(|n| format!("k{n}={n}")).collect::<Vec<_>>().join(",")
}

mod traceparent {
    use super::*;

    #[test]
    fn is_read_and_written_as_it_was() {
        for flags in ["00", "01", "02", "03"] {
            let value = format!("00-{TRACE}-{SPAN}-{flags}");
            let context = parent(&value).unwrap();
            assert_eq!(context.trace_id().to_string(), TRACE);
            assert_eq!(context.span_id().to_string(), SPAN);
            assert_eq!(context.is_sampled(), flags == "01" || flags == "03");
            assert_eq!(context.is_random(), flags == "02" || flags == "03");
            assert_eq!(again(&value), Some(value));
        }
    }

    #[test]
    fn with_an_id_of_zeros_is_none() {
        let zeros = "0".repeat(32);
        assert_eq!(parent(&format!("00-{zeros}-{SPAN}-01")), None);
        assert_eq!(parent(&format!("00-{TRACE}-{}-01", &zeros[..16])), None);
    }

    #[test]
    fn with_capitals_is_none() {
        assert_eq!(parent(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase())), None);
        assert_eq!(parent(&format!("00-{TRACE}-{}-01", SPAN.to_uppercase())), None);
        assert_eq!(parent(&format!("00-{TRACE}-{SPAN}-0A")), None);
        assert_eq!(parent(&format!("0A-{TRACE}-{SPAN}-00")), None);
    }

    #[test]
    fn of_the_version_ff_is_none() {
        assert_eq!(parent(&format!("ff-{TRACE}-{SPAN}-01")), None);
    }

    #[test]
    fn with_parts_of_other_lengths_is_none() {
        for value in [
            String::new(),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("000-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-0{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &SPAN[1..]),
            format!("00-{TRACE}-0{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-001"),
            // The right length in all, with the parts cut elsewhere.
            format!("00-{TRACE}0-{}-01", &SPAN[1..]),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}-{SPAN}"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
        ] {
            assert_eq!(parent(&value), None, "{value:?}");
        }
    }

    #[test]
    fn with_what_is_no_digit_is_none() {
        for bad in ["g", "-", ".", "+", " ", "\u{e9}"] {
            for place in [0, 1, 3, 34, 36, 51, 53, 54] {
                let mut value = format!("00-{TRACE}-{SPAN}-01");
                value.replace_range(place..=place, bad);
                assert_eq!(parent(&value), None, "{value:?}");
            }
        }
    }

    #[test]
    fn of_version_00_has_nothing_after_its_flags() {
        for rest in ["-", "-what", ".", "0"] {
            assert_eq!(parent(&format!("00-{TRACE}-{SPAN}-01{rest}")), None, "{rest:?}");
        }
    }

    #[test]
    fn of_a_later_version_may_go_on_after_a_dash() {
        let own = Some(format!("00-{TRACE}-{SPAN}-01"));
        for rest in ["", "-", "-what-the-future-will-be"] {
            assert_eq!(again(&format!("cc-{TRACE}-{SPAN}-01{rest}")), own, "{rest:?}");
        }
        for rest in [".what", "0", " "] {
            assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-01{rest}")), None, "{rest:?}");
        }
    }

    #[test]
    fn twice_is_none() {
        let value = format!("00-{TRACE}-{SPAN}-01");
        let twice = headers(&[("traceparent", &value), ("traceparent", &value)]);
        assert_eq!(TraceContext::extract(&twice), None);
    }

    #[test]
    fn has_flags_without_a_meaning_set_to_zero() {
        assert_eq!(again(&format!("00-{TRACE}-{SPAN}-ff")), Some(format!("00-{TRACE}-{SPAN}-03")));
        assert_eq!(again(&format!("00-{TRACE}-{SPAN}-fc")), Some(format!("00-{TRACE}-{SPAN}-00")));
    }

    #[test]
    fn keeps_the_flag_of_a_random_id_for_the_same_trace() {
        for (flags, is_random) in [("00", false), ("01", false), ("02", true), ("03", true)] {
            let context = parent(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(context.child().is_random(), is_random, "{flags}");
            assert_eq!(context.sampled(false).is_random(), is_random, "{flags}");
        }
    }

    #[test]
    fn sets_the_flag_of_a_random_id_only_for_ids_of_our_own() {
        assert!(TraceContext::root().is_random());
        let of_others = TraceContext::new(TraceId::from(1), SpanId::from_u64(1).unwrap());
        assert!(!of_others.is_random());
    }

    #[test]
    fn of_a_child_names_the_trace_and_a_new_span() {
        let context = parent(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        let child = context.child();
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child.span_id(), context.span_id());
        assert!(child.is_sampled());
    }

    #[test]
    fn of_a_new_trace_is_new() {
        let (one, other) = (TraceContext::root(), TraceContext::root());
        assert_ne!(one.trace_id(), other.trace_id());
        assert_eq!(TraceContext::from_traceparent(&one.traceparent()), Some(one));
    }
}

mod tracestate {
    use super::*;

    #[test]
    fn is_passed_on_as_it_is() {
        assert_eq!(
            state(&["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]).to_string(),
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
        );
    }

    #[test]
    fn in_several_headers_is_one_list_in_order() {
        assert_eq!(
            state(&["foo=1,bar=2", "rojo=1", "", "congo=2"]).to_string(),
            "foo=1,bar=2,rojo=1,congo=2"
        );
    }

    #[test]
    fn without_traceparent_is_not_read() {
        let alone = headers(&[("tracestate", "foo=1")]);
        assert_eq!(TraceContext::extract(&alone), None);
        let invalid = headers(&[("traceparent", "00-nonsense"), ("tracestate", "foo=1")]);
        assert_eq!(TraceContext::extract(&invalid), None);
    }

    #[test]
    fn that_is_not_valid_leaves_the_trace_as_it_is() {
        let value = format!("00-{TRACE}-{SPAN}-01");
        let lines = headers(&[("traceparent", &value), ("tracestate", "Foo=1")]);
        let context = TraceContext::extract(&lines).unwrap();
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert!(context.state().is_empty());
    }

    #[test]
    fn may_be_empty_and_have_empty_members() {
        assert!(state(&[""]).is_empty());
        assert!(state(&[" \t"]).is_empty());
        assert!(state(&["", ","]).is_empty());
        assert_eq!(state(&["foo=1,,bar=2, ,"]).to_string(), "foo=1,bar=2");
    }

    #[test]
    fn may_have_white_space_around_its_members() {
        assert_eq!(state(&["foo=1 \t , \t bar=2, \t baz=3"]).to_string(), "foo=1,bar=2,baz=3");
        assert_eq!(state(&["foo=1\t", "\tbar=2 "]).to_string(), "foo=1,bar=2");
    }

    #[test]
    fn has_32_members_at_most_and_with_more_is_none() {
        assert_eq!(state(&[&members(32)]).to_string(), members(32));
        assert!(state(&[&members(33)]).is_empty());
        assert!(state(&[&members(32), "one-more=1"]).is_empty());
    }

    #[test]
    fn has_keys_of_256_characters_at_most() {
        let longest = format!("{}=1", "z".repeat(256));
        assert_eq!(state(&[&longest]).to_string(), longest);
        assert!(state(&[&format!("z{longest}")]).is_empty());
    }

    #[test]
    fn has_keys_of_certain_characters() {
        for key in ["f", "0f", "f0_-*/", "fw529a3039@dt", "a@b@c", "a@"] {
            assert_eq!(state(&[&format!("{key}=1")]).get(key), Some("1"), "{key}");
        }
        for key in
            ["", " ", "@a", "_a", "-a", "*a", "/a", "FOO", "foo.bar", "foo ", "foo\t", "fo\u{f6}"]
        {
            assert!(state(&[&format!("{key}=1")]).is_empty(), "{key:?}");
        }
    }

    #[test]
    fn has_values_of_1_to_256_characters() {
        let longest = format!("foo={}", "v".repeat(256));
        assert_eq!(state(&[&longest]).to_string(), longest);
        assert!(state(&[&format!("{longest}v")]).is_empty());
        assert!(state(&["foo="]).is_empty());
        assert!(state(&["foo"]).is_empty());
    }

    #[test]
    fn has_values_of_printable_characters() {
        let all: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
        let text = format!("foo={all}");
        assert_eq!(state(&[&text]).get("foo"), Some(&*all));
        for value in ["a=b", "=", "bar=baz", "t\tab", "\u{e9}"] {
            assert!(state(&[&format!("foo={value}")]).is_empty(), "{value:?}");
        }
        // Spaces at the end are white space around the member, and those before belong to the value.
        assert_eq!(state(&["foo= 1 "]).get("foo"), Some(" 1"));
        assert!(state(&["foo= "]).is_empty());
    }

    #[test]
    fn with_one_member_that_is_not_valid_is_none_at_all() {
        assert!(state(&["foo=1,Bar=2,baz=3"]).is_empty());
        assert!(state(&["foo=1", "bar"]).is_empty());
    }

    #[test]
    fn keeps_the_newer_of_two_members_with_one_key() {
        assert_eq!(state(&["foo=1,bar=2,foo=3"]).to_string(), "foo=1,bar=2");
        assert_eq!(state(&["foo=1", "foo=1"]).to_string(), "foo=1");
    }

    #[test]
    fn gets_a_new_member_at_its_front_in_place_of_the_old_one() {
        let mut state = state(&["foo=1,bar=2"]);
        state.insert("bar", "3").unwrap();
        assert_eq!(state.to_string(), "bar=3,foo=1");
        state.insert("baz", "4").unwrap();
        assert_eq!(state.to_string(), "baz=4,bar=3,foo=1");
        state.remove("bar");
        state.remove("nobody");
        assert_eq!(state.to_string(), "baz=4,foo=1");
    }

    #[test]
    fn gets_no_member_that_is_not_valid() {
        let mut state = TraceState::default();
        assert!(state.insert("Foo", "1").is_err());
        assert!(state.insert("foo", "a,b").is_err());
        assert!(state.insert("foo", "").is_err());
        assert!(state.is_empty() && state.header_value().is_none());
    }

    #[test]
    fn loses_its_oldest_member_to_a_33rd() {
        let mut state = state(&[&members(32)]);
        state.insert("new", "1").unwrap();
        assert_eq!(state.iter().count(), 32);
        assert_eq!(state.iter().next(), Some(("new", "1")));
        assert_eq!(state.get("k31"), None);
    }

    #[test]
    fn of_512_characters_is_passed_on_whole() {
        let text = format!("a={},b={}", "1".repeat(254), "2".repeat(253));
        assert_eq!(text.len(), 512);
        assert_eq!(state(&[&text]).header_value().unwrap(), text);
    }

    #[test]
    fn that_is_too_long_loses_whole_members_and_the_long_ones_first() {
        let long = |key: &str| format!("{key}={}", "v".repeat(200));
        let short: Vec<_> = (0..14).map(|n| format!("s{n:02}={}", "v".repeat(100))).collect();
        let text = format!("{},{},{}", long("one"), short.join(","), long("two"));
        let written = state(&[&text]).header_value().unwrap();
        // 1455 of the short ones and 204 each of the long ones fit; nothing is lost.
        assert_eq!(written, text);

        let more: Vec<_> = (14..20).map(|n| format!("s{n:02}={}", "v".repeat(100))).collect();
        let text =
            format!("{},{},{},{}", long("one"), short.join(","), long("two"), more.join(","));
        let written = state(&[&text]).header_value().unwrap();
        let written = TraceState::of(&headers(&[("tracestate", written.to_str().unwrap())]));
        assert_eq!(written.get("two"), None, "the older of the long ones goes first");
        assert_eq!(written.get("one"), None, "and then the other one");
        assert_eq!(written.get("s00").map(str::len), Some(100));
        assert_eq!(written.get("s19"), None, "and then the oldest");
        assert_eq!(written.iter().count(), 19);
    }
}

mod headers_of_a_request {
    use super::*;

    #[test]
    fn are_replaced_by_what_is_injected() {
        let mut lines = headers(&[
            ("traceparent", "one"),
            ("traceparent", "two"),
            ("tracestate", "foo=1"),
            ("tracestate", "bar=2"),
        ]);
        let context = TraceContext::root().with_state(state(&["own=1"]));
        context.inject(&mut lines);
        assert_eq!(TraceContext::extract(&lines), Some(context));
        assert_eq!(lines.get_all("tracestate").iter().count(), 1);

        TraceContext::root().inject(&mut lines);
        assert!(!lines.contains_key("tracestate"), "an empty one is not sent");
    }
}

/// The rules once more, as short and as slow as can be.
mod reference {
    pub(super) fn traceparent(value: &str) -> Option<String> {
        let parts: Vec<&str> = value.splitn(5, '-').collect();
        let [version, trace, span, flags, rest @ ..] = &parts[..] else { return None };
        let is_hex = |text: &str, len| {
            text.len() == len && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        };
        let is_valid = is_hex(version, 2)
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && *version != "ff"
            && (*version != "00" || rest.is_empty())
            && trace.chars().any(|c| c != '0')
            && span.chars().any(|c| c != '0');
        let flags = u8::from_str_radix(flags, 16).ok()? & 3;
        is_valid.then(|| format!("00-{trace}-{span}-{flags:02x}"))
    }

    pub(super) fn tracestate(values: &[String]) -> Vec<(String, String)> {
        let mut members: Vec<(String, String)> = Vec::new();
        let mut count = 0;
        for member in values.iter().flat_map(|value| value.split(',')) {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            count += 1;
            let Some((key, value)) = member.split_once('=') else { return Vec::new() };
            let starts = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
            let is_key =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-*/@".contains(c);
            let is_value = |c: char| (' '..='~').contains(&c) && c != '=';
            if !starts
                || !key.chars().all(is_key)
                || key.len() > 256
                || value.is_empty()
                || value.len() > 256
                || !value.chars().all(is_value)
                || count > 32
            {
                return Vec::new();
            }
            if !members.iter().any(|(own, _)| own == key) {
                members.push((key.to_owned(), value.to_owned()));
            }
        }
        members
    }
}

fn hostile_parent() -> impl Strategy<Value = String> {
    let digits = |len| {
        prop_oneof![
            8 => proptest::string::string_regex(&format!("[0-9a-f]{{{len}}}")).unwrap(),
            1 => proptest::string::string_regex(&format!("[0-9a-fA-F]{{{len}}}")).unwrap(),
            1 => Just("0".repeat(len)),
            1 => proptest::string::string_regex(&format!("[0-9a-f]{{{}}}", len + 1)).unwrap(),
        ]
    };
    let version =
        prop_oneof![4 => Just("00".to_owned()), 1 => Just("ff".to_owned()), 1 => digits(2)];
    let rest = prop_oneof![6 => Just(String::new()), 1 => "-[ -~]{0,9}", 1 => "[ -~]{1,3}"];
    (version, digits(32), digits(16), digits(2), rest).prop_map(
        |(version, trace, span, flags, rest)| format!("{version}-{trace}-{span}-{flags}{rest}"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn what_the_rules_say_of_a_traceparent_is_done(value in hostile_parent()) {
        prop_assert_eq!(again(&value), reference::traceparent(&value));
    }

    #[test]
    fn what_the_rules_say_of_a_tracestate_is_done(
        values in prop::collection::vec("([a-z0-9_@A ]{0,3}=?[ -~]{0,4}[, \t]{0,3}){0,12}", 0..4),
    ) {
        let borrowed: Vec<&str> = values.iter().map(String::as_str).collect();
        let state = state(&borrowed);
        let members = state.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        prop_assert_eq!(members.collect::<Vec<_>>(), reference::tracestate(&values));
        // What is written is read again as the same.
        if let Some(written) = state.header_value() {
            prop_assert_eq!(TraceState::of(&headers(&[("tracestate", written.to_str().unwrap())])), state);
        }
    }

    #[test]
    fn no_bytes_do_any_harm(values: Vec<Vec<u8>>) {
        let mut lines = HeaderMap::new();
        for (n, value) in values.iter().enumerate() {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                lines.append(if n == 0 { "traceparent" } else { "tracestate" }, value);
            }
        }
        if let Some(context) = TraceContext::extract(&lines) {
            context.inject(&mut lines);
            prop_assert_eq!(TraceContext::extract(&lines), Some(context));
        }
    }
}
