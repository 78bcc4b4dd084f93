//! The wire format of protocol buffers, as far as statuses need it, for bytes that anybody sent.
//!
//! A reader goes over one message and borrows from it. Nothing is copied, nothing recurses, and
//! what is malformed ends the message where it begins to be.

/// The fields of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

/// A field: its number and its value.
pub(super) type Field<'a> = (u64, Wire<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Of four or eight bytes: no message of ours has any.
    Fixed,
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed)?,
            // Groups are of an older time, and the others of none.
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first, ten bytes at most.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        field
    }
}

impl<'a> Wire<'a> {
    /// A message within a message.
    pub(super) fn message(self) -> Option<Fields<'a>> {
        self.bytes().map(Fields::of)
    }

    pub(super) const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A text, which must be UTF-8.
    pub(super) fn text(self) -> Option<&'a str> {
        self.bytes().and_then(|bytes| str::from_utf8(bytes).ok())
    }

    pub(super) const fn number(self) -> Option<u64> {
        match self {
            Self::Varint(number) => Some(number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(message: &[u8]) -> Vec<Field<'_>> {
        Fields::of(message).collect()
    }

    #[test]
    fn fields_come_with_their_numbers_and_values() {
        let message = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7,
            8, 0xa2, 0x06, 0x00,
        ];
        assert_eq!(
            fields(&message),
            [
                (1, Wire::Varint(150)),
                (2, Wire::Bytes(b"hi")),
                (3, Wire::Fixed),
                (4, Wire::Fixed),
                (100, Wire::Bytes(b"")),
            ]
        );
    }

    #[test]
    fn a_length_may_be_written_in_more_bytes_than_it_needs() {
        assert_eq!(fields(&[0x0a, 0x81, 0x80, 0x00, b'x']), [(1, Wire::Bytes(b"x"))]);
    }

    #[test]
    fn what_is_malformed_ends_the_message() {
        for malformed in [
            &[0x08][..],         // no value
            &[0x80],             // half a key
            &[0x0a, 0x02, b'x'], // a length beyond the end
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x09, 1, 2, 3], // half a number
            &[0x0b, 0x0c],    // a group
            &[0x0e],          // a wire type that does not exist
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(fields(malformed), [], "{malformed:?}");
            let after_a_good_one = [&[0x10, 0x07], malformed].concat();
            assert_eq!(fields(&after_a_good_one), [(2, Wire::Varint(7))]);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_yield_more_than_they_hold(message: Vec<u8>) {
            let mut held = 0;
            for (_, value) in Fields::of(&message) {
                held += 1 + value.bytes().map_or(1, <[u8]>::len);
            }
            prop_assert!(held <= message.len());
        }
    }
}
