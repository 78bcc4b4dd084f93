//! The client's address never depends on a byte left of the first untrusted hop.

#![no_main]

use std::net::IpAddr;

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use tower_ready_ratelimit::{Head, key::Address};

fuzz_target!(|input: (Vec<u8>, bool, bool, u8)| {
    let (garbage, forwarded, own_line, trusted) = input;
    let (address, name, hop, proxy) = if forwarded {
        let address = Address::peer().trust(["10.0.0.0/8"]).forwarded();
        (address, "forwarded", r#"for="192.0.2.9:80";by="x\"y""#, "for=10.3.3.3")
    } else {
        let address = Address::peer().trust(["10.0.0.0/8"]);
        (address, "x-forwarded-for", "192.0.2.9", "10.3.3.3")
    };
    let mut real = hop.to_owned();
    for _ in 0..trusted % 4 {
        real = format!("{real}, {proxy}");
    }
    let lines = if own_line {
        vec![garbage, real.into_bytes()]
    } else {
        vec![[&garbage[..], b",", real.as_bytes()].concat()]
    };
    let mut request = Request::new(());
    for line in lines {
        let Ok(value) = HeaderValue::from_bytes(&line) else { return };
        request.headers_mut().append(name, value);
    }
    request.extensions_mut().insert(IpAddr::from([10, 0, 0, 1]));
    let client = address.of(&Head::of(&request));
    assert_eq!(client, Some(IpAddr::from([192, 0, 2, 9])));
});
