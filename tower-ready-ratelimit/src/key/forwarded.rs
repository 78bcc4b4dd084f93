//! The hops that proxies write down, read from the right.
//!
//! Each proxy appends the address of whoever called it. The last entries are those of proxies that
//! we trust; everything left of the first stranger is whatever that stranger wants us to read. So
//! no byte left of the entry in hand is looked at, not even to find where quotes begin.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str,
};

use http::{HeaderMap, HeaderName, header::FORWARDED};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which trusted proxies write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl Style {
    /// The hops, the nearest first; `None` is one that is no address.
    pub(super) fn hops(self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + '_ {
        let name = match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        };
        headers
            .get_all(name)
            .iter()
            .rev()
            .flat_map(move |line| Elements { rest: Some(line.as_bytes()), style: self })
            .map(move |element| match self {
                Self::XForwardedFor => node(str::from_utf8(element).ok()?, false),
                Self::Forwarded => forwarded_for(element),
            })
    }
}

/// The elements of one line, from the right. Empty ones are none (RFC 9110 §5.6.1).
struct Elements<'a> {
    rest: Option<&'a [u8]>,
    style: Style,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest?;
            let comma = match self.style {
                Style::XForwardedFor => rest.iter().rposition(|byte| *byte == b','),
                Style::Forwarded => last_outside_quotes(rest, b','),
            };
            let element = rest[comma.map_or(0, |comma| comma + 1)..].trim_ascii();
            self.rest = comma.map(|comma| &rest[..comma]);
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// The last place of a byte that is in no quoted string, as seen from the end.
///
/// A quote that is met from the right ends a string. It began at the next quote to the left that no
/// backslash escapes.
fn last_outside_quotes(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut quoted = false;
    for (place, byte) in bytes.iter().enumerate().rev() {
        match byte {
            b'"' if quoted => {
                let before = bytes[..place].iter().rev();
                quoted = before.take_while(|byte| **byte == b'\\').count() % 2 == 1;
            }
            b'"' => quoted = true,
            byte if *byte == wanted && !quoted => return Some(place),
            _ => {}
        }
    }
    None
}

/// The address in the `for` of one element of `Forwarded`: the only one, or none.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = Some(element);
    while let Some(pairs) = rest {
        let semicolon = last_outside_quotes(pairs, b';');
        let pair = &pairs[semicolon.map_or(0, |semicolon| semicolon + 1)..];
        rest = semicolon.map(|semicolon| &pairs[..semicolon]);
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"for") {
            if found.is_some() {
                return None;
            }
            found = Some(value);
        }
    }
    let value = str::from_utf8(found?).ok()?;
    match value.strip_prefix('"') {
        Some(quoted) => node(&unescaped(quoted.strip_suffix('"')?), true),
        None => node(value, true),
    }
}

fn unescaped(quoted: &str) -> Cow<'_, str> {
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(text)
}

/// An address with or without a port. RFC 7239 §6 wants brackets around IPv6; the other header has
/// no rule, and both are in use. `unknown` and obfuscated names are no addresses.
fn node(text: &str, brackets: bool) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return (address.is_ipv4() || !brackets).then_some(address);
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return port_is_one.then(|| address.parse::<Ipv6Addr>().ok())?.map(IpAddr::V6);
    }
    if let Ok(SocketAddr::V4(socket)) = text.parse() {
        return Some((*socket.ip()).into());
    }
    // RFC 7239 §6.3: a port may be obfuscated too.
    let (address, port) = text.rsplit_once(':')?;
    is_port(port).then(|| address.parse::<std::net::Ipv4Addr>().ok())?.map(IpAddr::V4)
}

fn is_port(port: &str) -> bool {
    let obfuscated = |rest: &str| {
        rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    match port.strip_prefix('_') {
        Some(rest) => !rest.is_empty() && obfuscated(rest),
        None => matches!(port.len(), 1..=5) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
