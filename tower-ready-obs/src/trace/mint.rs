//! New header values, made in one allocation.

use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderValue;
use tower_ready_core::TraceId;

use crate::{TraceContext, context::TRACEPARENT_LEN, random};

const UUID_LEN: usize = 36;

/// A value of `traceparent`, and a new request id.
pub(super) struct Minted {
    pub(super) traceparent: HeaderValue,
    pub(super) request_id: HeaderValue,
}

/// Both as slices of one piece of memory, which is counted: clones cost no allocation either.
#[inline]
pub(super) fn both(context: &TraceContext) -> Minted {
    let mut text = [0; TRACEPARENT_LEN + UUID_LEN];
    let (traceparent, request_id) = text.split_at_mut(TRACEPARENT_LEN);
    if let Ok(traceparent) = traceparent.try_into() {
        context.write_traceparent(traceparent);
    }
    write_uuid(request_id);
    let mut traceparent = Bytes::from_owner(text);
    let request_id = traceparent.split_off(TRACEPARENT_LEN);
    Minted { traceparent: value(traceparent), request_id: value(request_id) }
}

/// A new request id alone.
pub(super) fn request_id() -> HeaderValue {
    let mut text = [0; UUID_LEN];
    write_uuid(&mut text);
    value(Bytes::from_owner(text))
}

fn value(text: Bytes) -> HeaderValue {
    #[expect(clippy::expect_used, reason = "hexadecimal digits and hyphens are a header value")]
    HeaderValue::from_maybe_shared(text).expect("an id is a header value")
}

/// A UUID of version 7 (RFC 9562 §5.7), which sorts by the time it was made.
fn write_uuid(text: &mut [u8]) {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let millis = u128::from(time.as_secs()) * 1_000 + u128::from(time.subsec_millis());
    let random = u128::from(random::random()) << 64 | u128::from(random::random());
    let uuid = millis << 80 | random & !(!0 << 80);
    let uuid = uuid & !(0xf << 76) | 0x7 << 76; // the version
    let uuid = uuid & !(0b11 << 62) | 0b10 << 62; // the variant
    let digits = TraceId::from(uuid).to_digits();
    text.fill(b'-');
    for (start, group) in [(0, 0..8), (9, 8..12), (14, 12..16), (19, 16..20), (24, 20..32)] {
        text[start..start + group.len()].copy_from_slice(&digits[group]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_a_uuid_of_version_seven() {
        let context = TraceContext::root();
        let Minted { traceparent, request_id } = both(&context);
        assert_eq!(traceparent, context.traceparent());
        let text = request_id.to_str().unwrap();
        assert_eq!(text.len(), 36);
        for (place, byte) in text.bytes().enumerate() {
            match place {
                8 | 13 | 18 | 23 => assert_eq!(byte, b'-'),
                14 => assert_eq!(byte, b'7'),
                19 => assert!(matches!(byte, b'8' | b'9' | b'a' | b'b')),
                _ => assert!(matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            }
        }
        let millis = u64::from_str_radix(&text.replace('-', "")[..12], 16).unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        assert!(now.abs_diff(millis) < 60_000);
    }

    #[test]
    fn new_ids_differ_on_every_thread() {
        let make = || (0..1_000).map(|_| request_id()).collect::<Vec<_>>();
        let other = std::thread::spawn(make);
        let mut ids = make();
        ids.extend(other.join().unwrap());
        let unique = ids.iter().collect::<std::collections::HashSet<_>>();
        assert_eq!(unique.len(), ids.len());
    }
}
