use std::fmt;

use crate::hash::{KeyHash, KeyHasher};

/// Where a key is written: a buffer on the stack.
///
/// What does not fit is folded into a keyed hash, so that a key may have any length.
#[derive(Clone)]
pub struct KeyBuf {
    bytes: [u8; Self::CAPACITY],
    len: usize,
    total: u64,
    hasher: KeyHasher,
}

impl KeyBuf {
    const CAPACITY: usize = 128;

    pub(crate) const fn new(hasher: KeyHasher) -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0, total: 0, hasher }
    }

    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.total = self.total.wrapping_add(bytes.len() as u64);
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.fold(bytes),
        }
    }

    /// Appends one part of a key of several.
    ///
    /// Its length goes behind it, so that `("ab", "c")` is another key than `("a", "bc")`.
    pub fn part<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.total;
        let written = write(self);
        let length = self.total.wrapping_sub(before);
        self.put(&length.to_le_bytes());
        written
    }

    pub(crate) fn finish(&self) -> KeyHash {
        self.hasher.hash(&self.bytes[..self.len])
    }

    #[cold]
    fn fold(&mut self, bytes: &[u8]) {
        const FOLDED: usize = size_of::<u128>();
        for chunk in bytes.chunks(Self::CAPACITY - FOLDED) {
            if self.len + chunk.len() > Self::CAPACITY {
                let folded = self.finish().to_bits();
                self.bytes[..FOLDED].copy_from_slice(&folded.to_le_bytes());
                self.len = FOLDED;
            }
            self.bytes[self.len..][..chunk.len()].copy_from_slice(chunk);
            self.len += chunk.len();
        }
    }
}

/// Keys may be secrets.
impl fmt::Debug for KeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBuf").field("written", &self.total).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn hash(parts: &[&[u8]]) -> KeyHash {
        let mut key = KeyBuf::new(Secret::new([7; 16]).hasher_for("policy"));
        for part in parts {
            key.put(part);
        }
        key.finish()
    }

    #[test]
    fn long_keys_differ_by_any_byte() {
        for length in [1, 112, 128, 129, 240, 241, 5_000] {
            let mut bytes = vec![b'x'; length];
            let all = hash(&[&bytes]);
            for place in [0, length / 2, length - 1] {
                bytes[place] = b'y';
                assert_ne!(hash(&[&bytes]), all, "byte {place} of {length}");
                bytes[place] = b'x';
            }
            assert_ne!(hash(&[&bytes[1..]]), all);
        }
    }

    #[test]
    fn sealed_parts_stay_apart() {
        let hash = |parts: [&[u8]; 2]| {
            let mut key = KeyBuf::new(Secret::new([7; 16]).hasher_for("policy"));
            for part in parts {
                key.part(|key| key.put(part));
            }
            key.finish()
        };
        assert_ne!(hash([b"ab", b"c"]), hash([b"a", b"bc"]));
        assert_ne!(hash([b"", b"abc"]), hash([b"abc", b""]));
    }
}
