//! The messages of `grpc.health.v1`, by hand: three fields are no reason for a code generator.

use bytes::Bytes;

/// The longest request that is read: a name of a service, with room to spare.
pub(super) const MAX_REQUEST: usize = 1_024;

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// A request that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The name in a `HealthCheckRequest { string service = 1; }`.
///
/// Fields that a later version may add are skipped, and of a field that comes twice the last
/// counts, as everywhere in protocol buffers.
pub(super) fn service_name(mut message: &[u8]) -> Result<&str, Malformed> {
    let mut name = "";
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        if !(8..=u64::from(u32::MAX)).contains(&tag) {
            return Err(Malformed); // fields are numbered from 1, in 29 bits
        }
        if tag >> 3 == 1 && tag & 7 != 2 {
            return Err(Malformed); // the name is no number
        }
        match tag & 7 {
            0 => {
                varint(&mut message)?;
            }
            1 => {
                take(&mut message, 8)?;
            }
            2 => {
                let length = varint(&mut message)?;
                let bytes = take(&mut message, usize::try_from(length).map_err(|_| Malformed)?)?;
                if tag >> 3 == 1 {
                    name = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
                }
            }
            5 => {
                take(&mut message, 4)?;
            }
            _ => return Err(Malformed), // groups, which proto3 does not have
        }
    }
    Ok(name)
}

/// A `HealthCheckResponse` in its frame.
pub(super) fn status(serving: Word) -> Bytes {
    frame(&response(serving))
}

/// A `HealthListResponse { map<string, HealthCheckResponse> statuses = 1; }` in its frame.
pub(super) fn list(services: &[String], serving: Word) -> Bytes {
    let mut message = Vec::new();
    for name in services {
        let mut entry = Vec::new();
        field(&mut entry, 1, name.as_bytes());
        field(&mut entry, 2, &response(serving));
        field(&mut message, 1, &entry);
    }
    frame(&message)
}

const fn response(serving: Word) -> [u8; 2] {
    [1 << 3, serving as u8]
}

/// The frame of a message that is not compressed: a zero, its length, itself.
fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(5 + message.len());
    frame.push(0);
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame.into()
}

fn field(buffer: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    buffer.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        buffer.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    buffer.push(length as u8);
    buffer.extend(bytes);
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte, rest @ ..] = *bytes else {
            return Err(Malformed);
        };
        *bytes = rest;
        // The tenth byte has room for one bit.
        if shift == 63 && *byte > 1 {
            return Err(Malformed);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use prost::Message as _;
    use tonic_health::pb;

    use super::*;

    proptest! {
        /// Whatever arrives, we read of it what the reference reads.
        #[test]
        fn requests_are_read_as_by_prost(bytes: Vec<u8>) {
            let theirs = pb::HealthCheckRequest::decode(&*bytes).ok().map(|request| request.service);
            let ours = service_name(&bytes).ok().map(str::to_owned);
            if theirs.is_some() {
                prop_assert!(ours == theirs || has_group(&bytes), "{bytes:?}");
            }
            if ours.is_some() {
                prop_assert_eq!(ours, theirs);
            }
        }

        #[test]
        fn names_are_found_among_fields_of_later_versions(
            name: String,
            number in 2_u32..1_000,
            value: u64,
            more: Vec<u8>,
        ) {
            let mut bytes = Vec::new();
            prost::encoding::uint64::encode(number, &value, &mut bytes);
            prost::encoding::string::encode(1, &name, &mut bytes);
            prost::encoding::bytes::encode(number, &more, &mut bytes);
            prop_assert_eq!(service_name(&bytes), Ok(&*name));
        }
    }

    /// prost skips groups, which no proto3 message has.
    fn has_group(bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| matches!(byte & 7, 3 | 4))
    }

    #[test]
    fn a_name_that_is_a_number_is_malformed() {
        for bytes in [&[0x08, 0][..], &[0x0d, 0, 0, 0, 0], &[0x0a, 1, b'a', 0x08, 0]] {
            assert_eq!(service_name(bytes), Err(Malformed));
            assert!(pb::HealthCheckRequest::decode(bytes).is_err());
        }
    }

    #[test]
    fn answers_are_read_by_prost() {
        for serving in [Word::Serving, Word::NotServing, Word::ServiceUnknown] {
            let frame = status(serving);
            assert_eq!(frame[..5], [0, 0, 0, 0, 2]);
            let read = pb::HealthCheckResponse::decode(&frame[5..]).unwrap();
            assert_eq!(read.status, serving as i32);
        }
    }

    #[derive(PartialEq, prost::Message)]
    struct HealthListResponse {
        #[prost(map = "string, message", tag = "1")]
        statuses: HashMap<String, pb::HealthCheckResponse>,
    }

    #[test]
    fn a_list_of_long_names_is_a_map() {
        let names = ["", "orders.v1.Orders", &"a".repeat(300)].map(str::to_owned);
        let frame = list(&names, Word::NotServing);
        let length = u32::from_be_bytes(frame[1..5].try_into().unwrap());
        assert_eq!(length as usize, frame.len() - 5);
        let read = HealthListResponse::decode(&frame[5..]).unwrap();
        assert_eq!(read.statuses.len(), 3);
        assert!(names.iter().all(|name| read.statuses[name].status == 2));
    }
}
