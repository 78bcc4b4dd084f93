use proptest::prelude::*;
use tower_ready_core::Codec;

use super::*;

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("orders.example"));
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The time, and the header that made no sense.
fn both(headers: &HeaderMap) -> (Option<Duration>, Option<&'static str>) {
    let Asked { time, junk } = asked(headers);
    (time, junk)
}

fn time(lines: &[(HeaderName, &str)]) -> Option<Duration> {
    both(&headers(lines)).0
}

#[test]
fn each_unit_of_grpc_is_read() {
    for (text, expected) in [
        ("1n", Duration::from_nanos(1)),
        ("99999999n", Duration::from_nanos(99_999_999)),
        ("20u", Duration::from_micros(20)),
        ("300m", Duration::from_millis(300)),
        ("5S", Duration::from_secs(5)),
        ("2M", Duration::from_secs(120)),
        ("1H", Duration::from_secs(3_600)),
        ("99999999H", Duration::from_secs(99_999_999 * 3_600)),
        ("00000001S", Duration::from_secs(1)),
        ("0S", Duration::ZERO),
    ] {
        assert_eq!(time(&[(GRPC, text)]), Some(expected), "{text}");
    }
}

#[test]
fn milliseconds_are_read_from_three_headers() {
    for name in [CONNECT, ENVOY, PLAIN] {
        assert_eq!(time(&[(name.clone(), "1500")]), Some(Duration::from_millis(1_500)));
        assert_eq!(time(&[(name, "9999999999")]), Some(Duration::from_millis(9_999_999_999)));
    }
    assert_eq!(time(&[(PLAIN, "0")]), Some(Duration::ZERO));
    assert_eq!(both(&headers(&[(ENVOY, "0")])), (None, None), "a proxy without a limit");
}

#[test]
fn values_that_make_no_sense_are_as_if_they_were_not_there() {
    for (name, text) in [
        (GRPC, "99999999999H"),
        (GRPC, "123456789S"),
        (GRPC, "-1S"),
        (GRPC, "+1S"),
        (GRPC, "1.5S"),
        (GRPC, "1 S"),
        (GRPC, "1s"),
        (GRPC, "1h"),
        (GRPC, "S"),
        (GRPC, "1"),
        (GRPC, ""),
        (GRPC, "1S, 2S"),
        (GRPC, "٣S"),
        (CONNECT, "99999999999"),
        (CONNECT, "-1"),
        (CONNECT, "1e3"),
        (CONNECT, ""),
        (PLAIN, "18446744073709551616"),
        (PLAIN, "0x10"),
        (PLAIN, "5 "),
        (ENVOY, "soon"),
    ] {
        let asked = both(&headers(&[(name.clone(), text)]));
        assert_eq!(asked, (None, Some(name.as_str())), "{name}: {text:?}");
    }
}

#[test]
fn a_header_that_comes_twice_means_nothing() {
    let asked = both(&headers(&[(GRPC, "1S"), (GRPC, "1S")]));
    assert_eq!(asked, (None, Some("grpc-timeout")));
}

#[test]
fn of_several_headers_the_shortest_counts_and_junk_does_not_hide_it() {
    assert_eq!(time(&[(GRPC, "2S"), (ENVOY, "1500")]), Some(Duration::from_millis(1_500)));
    let asked = both(&headers(&[(PLAIN, "soon"), (ENVOY, "1500")]));
    assert_eq!(asked.0, Some(Duration::from_millis(1_500)));
    assert_eq!(asked.1, Some("x-request-timeout-ms"));
}

#[test]
fn each_protocol_is_told_in_its_own_header() {
    let told = |protocol, millis| {
        let (name, value) = written(protocol, Duration::from_millis(millis));
        (name, value.unwrap().to_str().unwrap().to_owned())
    };
    assert_eq!(told(Protocol::Http, 1_500), (PLAIN, "1500".to_owned()));
    assert_eq!(told(Protocol::Connect, 1_500), (CONNECT, "1500".to_owned()));
    for (millis, text) in [(50, "50000000n"), (1_500, "1500000u"), (200_000, "200000m")] {
        assert_eq!(told(Protocol::Grpc(Codec::Proto), millis), (GRPC, text.to_owned()));
    }
    let (_, value) = written(Protocol::Grpc(Codec::Proto), Duration::MAX);
    assert_eq!(value.unwrap(), "99999999H");
    let (_, value) = written(Protocol::Http, Duration::MAX);
    assert_eq!(value.unwrap(), "9999999999");
}

proptest! {
    #[test]
    fn any_bytes_are_either_a_time_or_junk(bytes: Vec<u8>, at in 0..4_usize) {
        let name = [GRPC, CONNECT, ENVOY, PLAIN][at].clone();
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            let asked = both(&headers);
            let is_digits = |text: &[u8], most| {
                !text.is_empty() && text.len() <= most && text.iter().all(u8::is_ascii_digit)
            };
            let is_well = if at == 0 {
                bytes.split_last().is_some_and(|(unit, number)| {
                    b"HMSmun".contains(unit) && is_digits(number, 8)
                })
            } else {
                is_digits(&bytes, 10)
            };
            prop_assert_eq!(asked.1.is_none(), is_well);
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_is_never_longer(
        nanos: u64, halvings in 0..64_u32, at in 0..3_usize,
    ) {
        // As many short ones as long ones.
        let time = Duration::from_nanos(nanos >> halvings);
        let protocol = [Protocol::Grpc(Codec::Proto), Protocol::Connect, Protocol::Http][at];
        let (name, value) = written(protocol, time);
        let mut headers = HeaderMap::new();
        headers.insert(name, value.unwrap());
        let read = both(&headers).0.unwrap();
        prop_assert!(read <= time);
        let lost = time - read;
        if at == 0 {
            // The next unit is at most a thousand of the one that eight digits are not enough for.
            prop_assert!(lost <= time / 100_000, "{time:?} became {read:?}");
        } else if time < Duration::from_millis(9_999_999_999) {
            prop_assert!(lost < Duration::from_millis(1), "{time:?} became {read:?}");
        }
    }
}
