//! Whatever a caller writes left of what our proxies add, its address is the one that they saw.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_ready_core::Head;
use tower_ready_ratelimit::key::Address;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fuzz_target!(|data: &[u8]| {
    // The first byte says in which header, in how many lines, and whether proxies are known or counted.
    let Some((&first, garbage)) = data.split_first() else { return };
    let [is_forwarded, is_own_line, is_counted] = [1, 2, 4].map(|bit| first & bit != 0);
    let (name, own) = match is_forwarded {
        true => ("forwarded", &br#"for="192.0.2.9:80";by="x\"y", for="[2001:db8::1]""#[..]),
        false => ("x-forwarded-for", &b"192.0.2.9, 10.3.3.3"[..]),
    };
    let address = match is_counted {
        true => Address::peer().hops(2),
        false => Address::peer().trust(["10.0.0.0/8", "2001:db8::/32"]),
    };
    let address = if is_forwarded { address.forwarded() } else { address };

    let mut request = Request::new(());
    request.extensions_mut().insert(PEER);
    let lines = match is_own_line {
        true => vec![garbage.to_vec(), own.to_vec()],
        false => vec![[garbage, &b","[..], own].concat()],
    };
    for line in lines {
        let Ok(line) = HeaderValue::from_bytes(&line) else { return };
        request.headers_mut().append(name, line);
    }
    assert_eq!(address.of(&Head::of(&request)), Some(CLIENT));
});
