use http::{HeaderValue, Request};
use proptest::prelude::*;

use super::*;
use crate::Secret;

fn request(peer: &str, name: &'static str, lines: &[&[u8]]) -> Request<()> {
    let mut request = Request::new(());
    for line in lines {
        request.headers_mut().append(name, HeaderValue::from_bytes(line).unwrap());
    }
    request.extensions_mut().insert(peer.parse::<IpAddr>().unwrap());
    request
}

fn client(address: &Address, peer: &str, name: &'static str, lines: &[&[u8]]) -> String {
    address.of(&Head::of(&request(peer, name, lines))).unwrap().to_string()
}

fn key(address: &Address, peer: &str) -> u128 {
    let request = request(peer, "x", &[]);
    let mut key = KeyBuf::new(Secret::new([1; 16]).hasher_for(""));
    assert_eq!(address.write(&Head::of(&request), &mut key), Found::Key);
    key.finish().to_bits()
}

const XFF: &str = "x-forwarded-for";

fn trusting() -> Address {
    Address::peer().trust(["10.0.0.0/8", "2001:db8::/32"])
}

#[test]
fn without_trust_the_peer_is_the_client_whatever_it_says() {
    let lines: &[&[u8]] = &[b"192.0.2.1"];
    assert_eq!(client(&Address::peer(), "10.0.0.1", XFF, lines), "10.0.0.1");
    assert_eq!(client(&trusting(), "203.0.113.5", XFF, lines), "203.0.113.5");
}

#[test]
fn the_walk_ends_at_the_first_stranger_from_the_right() {
    for (lines, expected) in [
        (&[&b"6.6.6.6, 192.0.2.1"[..]][..], "192.0.2.1"),
        (&[b"6.6.6.6, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (&[b"6.6.6.6", b"192.0.2.1,10.9.9.9"], "192.0.2.1"),
        (&[b"6.6.6.6, 192.0.2.1:4711, [2001:db8::7]:80, 2001:db8::8"], "192.0.2.1"),
        (&[b"2001:470::1"], "2001:470::1"),
        (&[b"::ffff:192.0.2.1"], "192.0.2.1"),
        (&[b"192.0.2.1, ,"], "192.0.2.1"),
        (&[b"10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        (&[b"192.0.2.1, unknown"], "10.0.0.1"),
        (&[b"192.0.2.1, evil, 10.0.0.3"], "10.0.0.3"),
        (&[b"192.0.2.1, 10.0.0.3x"], "10.0.0.1"),
        (&[b"\xff\xfe, 192.0.2.1"], "192.0.2.1"),
        (&[b""], "10.0.0.1"),
        (&[], "10.0.0.1"),
    ] {
        assert_eq!(client(&trusting(), "10.0.0.1", XFF, lines), expected, "{lines:?}");
        assert_eq!(client(&trusting(), "::ffff:10.0.0.1", XFF, lines), expected, "{lines:?}");
    }
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    for (line, expected) in [
        (r"for=192.0.2.43", "192.0.2.43"),
        (r"for=6.6.6.6, for=192.0.2.43;proto=http;by=203.0.113.43", "192.0.2.43"),
        (r#"For="[2001:470:cafe::17]:4711""#, "2001:470:cafe::17"),
        (r#"for="192.0.2.43:47011""#, "192.0.2.43"),
        (r#"for="192.0.2.43:_port""#, "192.0.2.43"),
        (r#"by="a,b";for=192.0.2.43"#, "192.0.2.43"),
        (r#"for=192.0.2.43;by="a\",b""#, "192.0.2.43"),
        (r#"for="192.0.2\.43""#, "192.0.2.43"),
        (r#"for=192.0.2.43, for="[2001:db8::1]""#, "192.0.2.43"),
        // Left of the first stranger anything may stand, an open quote too.
        (r#"for="6.6.6.6, for=192.0.2.43"#, "192.0.2.43"),
        (r#"for="\, for=192.0.2.43"#, "192.0.2.43"),
        (r"for=unknown", "10.0.0.1"),
        (r"for=_hidden", "10.0.0.1"),
        (r"by=192.0.2.43", "10.0.0.1"),
        (r"for=192.0.2.43;for=192.0.2.44", "10.0.0.1"),
        (r"for=2001:470::1", "10.0.0.1"),
        (r#"for="192.0.2.43"#, "10.0.0.1"),
        (r"192.0.2.43", "10.0.0.1"),
    ] {
        let address = trusting().forwarded();
        assert_eq!(
            client(&address, "10.0.0.1", "forwarded", &[line.as_bytes()]),
            expected,
            "{line}"
        );
        assert_eq!(client(&address, "10.0.0.1", XFF, &[b"6.6.6.6"]), "10.0.0.1");
    }
}

#[test]
fn hops_are_counted_from_the_right() {
    let lines: &[&[u8]] = &[b"6.6.6.6, 192.0.2.1, 198.51.100.7"];
    for (hops, expected) in
        [(0, "203.0.113.1"), (1, "198.51.100.7"), (2, "192.0.2.1"), (3, "6.6.6.6"), (9, "6.6.6.6")]
    {
        let address = Address::peer().hops(hops);
        assert_eq!(client(&address, "203.0.113.1", XFF, lines), expected, "{hops}");
    }
}

#[test]
fn one_subscriber_has_one_bucket() {
    let address = Address::peer();
    assert_eq!(key(&address, "2001:db8::1"), key(&address, "2001:db8:0:0:ffff::9"));
    assert_ne!(key(&address, "2001:db8::1"), key(&address, "2001:db8:0:1::1"));
    assert_eq!(key(&address, "192.0.2.1"), key(&address, "::ffff:192.0.2.1"));
    assert_ne!(key(&address, "192.0.2.1"), key(&address, "192.0.2.2"));
    let network = address.ipv6_prefix(48).ipv4_prefix(24);
    assert_eq!(key(&network, "2001:db8::1"), key(&network, "2001:db8:0:1::1"));
    assert_ne!(key(&network, "2001:db8::1"), key(&network, "2001:db8:1::1"));
    assert_eq!(key(&network, "192.0.2.1"), key(&network, "192.0.2.2"));
}

#[test]
fn a_peer_that_nobody_named_is_missing() {
    let mut key = KeyBuf::new(Secret::new([1; 16]).hasher_for(""));
    assert_eq!(Address::peer().write(&Head::of(&Request::new(())), &mut key), Found::Missing);
    let mut request = Request::new(());
    request.extensions_mut().insert("192.0.2.1:80".parse::<SocketAddr>().unwrap());
    assert_eq!(Address::peer().write(&Head::of(&request), &mut key), Found::Key);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    assert_eq!(trusting().check(), Ok(()));
    assert_eq!(trusting().hops(1).check(), Err(ConfigErrorKind::HopsAndProxies));
    assert_eq!(Address::peer().ipv6_prefix(129).check(), Err(ConfigErrorKind::Prefix));
    let slip = Address::peer().trust(["10.0.0.1/8"]).check().unwrap_err();
    assert!(
        matches!(slip, ConfigErrorKind::Proxy(error) if error.to_string().contains("10.0.0.1/8"))
    );
}

proptest! {
    #[test]
    fn no_byte_left_of_the_first_stranger_matters(
        garbage in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b'\\'), Just(b';'), Just(b'='), Just(b' '), 0x20u8..0x7f, 0x80u8..=0xff,
        ], 0..40),
        own_line: bool, forwarded: bool, trusted in 0usize..3,
    ) {
        let (address, name, hop, proxy) = if forwarded {
            (trusting().forwarded(), "forwarded", r#"for="192.0.2.9:80";by="x\"y""#, r#"for="[2001:db8::1]""#)
        } else {
            (trusting(), XFF, "192.0.2.9", "10.3.3.3")
        };
        let mut real = hop.to_owned();
        for _ in 0..trusted {
            real = format!("{real}, {proxy}");
        }
        let lines = if own_line {
            vec![garbage, real.into_bytes()]
        } else {
            vec![[&garbage[..], b",", real.as_bytes()].concat()]
        };
        let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
        prop_assert_eq!(client(&address, "10.0.0.1", name, &lines), "192.0.2.9");
    }

    #[test]
    fn hostile_headers_end_in_an_address(bytes in prop::collection::vec(0x20u8.., 0..60), forwarded: bool) {
        prop_assume!(HeaderValue::from_bytes(&bytes).is_ok());
        let (address, name) = if forwarded {
            (Address::peer().hops(9).forwarded(), "forwarded")
        } else {
            (Address::peer().hops(9), XFF)
        };
        prop_assert!(!client(&address, "10.0.0.1", name, &[&bytes]).is_empty());
    }
}
