//! The names of methods in an encoded `FileDescriptorSet`: the few fields of it that we need, so
//! that nobody needs a compiler or a runtime of protocol buffers for them.

use std::{error::Error, fmt};

/// The bytes are no `FileDescriptorSet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptorError(());

#[derive(Debug, PartialEq, Eq)]
pub(super) struct MethodDescriptor {
    pub(super) service: String,
    pub(super) name: String,
    pub(super) is_stream: bool,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Every method, in order. The numbers of the fields are those of `google/protobuf/descriptor.proto`.
pub(super) fn methods(set: &[u8]) -> Result<Vec<MethodDescriptor>, DescriptorError> {
    let mut methods = Vec::new();
    fields(set, |number, value| match (number, value) {
        (1, Value::Bytes(file)) => of_file(file, &mut methods),
        _ => Ok(()),
    })?;
    Ok(methods)
}

fn of_file(file: &[u8], methods: &mut Vec<MethodDescriptor>) -> Result<(), DescriptorError> {
    let mut package = String::new();
    let mut services = Vec::new();
    fields(file, |number, value| {
        match (number, value) {
            (2, Value::Bytes(name)) => package = text(name)?,
            (6, Value::Bytes(service)) => services.push(service),
            _ => {}
        }
        Ok(())
    })?;
    if !package.is_empty() {
        package.push('.');
    }
    services.into_iter().try_for_each(|service| of_service(&package, service, methods))
}

fn of_service(
    package: &str,
    service: &[u8],
    methods: &mut Vec<MethodDescriptor>,
) -> Result<(), DescriptorError> {
    let (mut name, mut own) = (String::new(), Vec::new());
    fields(service, |number, value| {
        match (number, value) {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (2, Value::Bytes(method)) => own.push(of_method(method)?),
            _ => {}
        }
        Ok(())
    })?;
    let service = format!("{package}{name}");
    methods.extend(own.into_iter().map(|(name, is_stream)| MethodDescriptor {
        service: service.clone(),
        name,
        is_stream,
    }));
    Ok(())
}

fn of_method(method: &[u8]) -> Result<(String, bool), DescriptorError> {
    let (mut name, mut is_stream) = (String::new(), false);
    fields(method, |number, value| {
        match (number, value) {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (5 | 6, Value::Number(1)) => is_stream = true,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, is_stream))
}

fn text(bytes: &[u8]) -> Result<String, DescriptorError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| DescriptorError(()))
}

/// Reads a message field by field.
fn fields<'a>(
    mut message: &'a [u8],
    mut field: impl FnMut(u64, Value<'a>) -> Result<(), DescriptorError>,
) -> Result<(), DescriptorError> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => Value::Bytes(take(&mut message, 8)?),
            2 => {
                let len = varint(&mut message)?;
                Value::Bytes(take(&mut message, len)?)
            }
            5 => Value::Bytes(take(&mut message, 4)?),
            _ => return Err(DescriptorError(())),
        };
        field(tag >> 3, value)?;
    }
    Ok(())
}

fn take<'a>(message: &mut &'a [u8], len: u64) -> Result<&'a [u8], DescriptorError> {
    let len = usize::try_from(len).map_err(|_| DescriptorError(()))?;
    let (bytes, rest) = message.split_at_checked(len).ok_or(DescriptorError(()))?;
    *message = rest;
    Ok(bytes)
}

fn varint(message: &mut &[u8]) -> Result<u64, DescriptorError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().ok_or(DescriptorError(()))?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(DescriptorError(()))
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the bytes are no FileDescriptorSet: use what `protoc --descriptor_set_out` or \
             tonic's `file_descriptor_set_path` writes",
        )
    }
}

impl Error for DescriptorError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    #[test]
    fn methods_are_found_with_their_service_and_whether_they_stream() {
        let unary = field(1, b"Get");
        let stream = [field(1, b"Watch"), vec![6 << 3, 1]].concat();
        let service = [field(1, b"Orders"), field(2, &unary), field(2, &stream)].concat();
        let file = [field(1, b"orders.proto"), field(6, &service), field(2, b"orders.v1")].concat();
        let method = |name: &str, is_stream| MethodDescriptor {
            service: "orders.v1.Orders".to_owned(),
            name: name.to_owned(),
            is_stream,
        };
        let found = methods(&field(1, &file)).unwrap();
        assert_eq!(found, [method("Get", false), method("Watch", true)]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes: Vec<u8>) {
            let _ = methods(&bytes);
        }
    }
}
