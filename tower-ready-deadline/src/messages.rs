//! Where one message of a stream ends and the next begins.

/// How far a stream has come whose messages have a flag and a length of four bytes before them, as
/// those of gRPC-Web and Connect do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages {
    /// What is to come of the message that has begun.
    left: u32,
    /// What has come of what stands before the next, and the length in it so far.
    before: u8,
    length: u32,
}

impl Messages {
    pub(crate) const fn new() -> Self {
        Self { left: 0, before: 0, length: 0 }
    }

    pub(crate) fn pass(&mut self, mut data: &[u8]) {
        while let [byte, rest @ ..] = data {
            if self.left > 0 {
                let passes = data.len().min(self.left as usize);
                self.left -= passes as u32;
                data = &data[passes..];
                continue;
            }
            data = rest;
            self.before += 1;
            if self.before > 1 {
                self.length = self.length << 8 | u32::from(*byte);
            }
            if self.before == 5 {
                *self = Self { left: self.length, ..Self::new() };
            }
        }
    }

    /// Whether what comes next would be taken for a message of its own.
    pub(crate) const fn is_between(self) -> bool {
        self.left == 0 && self.before == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_message_is_over_when_all_of_it_has_passed(
            lengths in vec(prop_oneof![Just(0_usize), 0..20_usize, Just(300_usize)], 0..6),
            sizes in vec(1..9_usize, 1..9),
        ) {
            let mut stream = Vec::new();
            let mut ends = vec![0];
            for length in lengths {
                stream.push(0xff);
                stream.extend((length as u32).to_be_bytes());
                stream.resize(stream.len() + length, 0xff);
                ends.push(stream.len());
            }
            let (mut messages, mut at) = (Messages::new(), 0);
            for size in sizes.iter().cycle() {
                prop_assert_eq!(messages.is_between(), ends.contains(&at));
                if at == stream.len() {
                    break;
                }
                let next = stream.len().min(at + size);
                messages.pass(&stream[at..next]);
                at = next;
            }
        }
    }
}
