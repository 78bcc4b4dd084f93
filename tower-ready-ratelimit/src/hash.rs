//! What is stored of a caller: a keyed hash, never a name.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
};

use siphasher::sip128::SipHasher13;

/// The keyed 128-bit hash of a caller under one policy.
///
/// Two callers share a bucket only if their hashes agree, so the hash has to be one for which
/// nobody can choose such a pair: SipHash-1-3 under a secret key. It is what `std` uses for its maps
/// for the same reason, and costs some nanoseconds for a key of the usual size. A hash that is
/// merely fast would let a caller pick a key that spends somebody else's quota.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(u128);

/// What an entry of the memory store keeps of a [`KeyHash`]: 39 bits, beside the place it is in.
///
/// Logs and the list of the hottest keys name a caller by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyTag(u64);

/// The secret under which a limiter hashes its callers.
///
/// Stores that several instances share need one secret for all of them; a store in memory takes a
/// random one.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

/// Hashes the callers of one policy: the policy's name has gone into the low half, so that the same
/// caller has another hash under each policy. The high half is the same under all of them, and by
/// that a cluster of stores keeps the buckets of one caller in one place.
#[derive(Clone, Copy)]
pub(crate) struct KeyHasher {
    keys: (u64, u64),
    policy: u64,
}

impl KeyHash {
    /// A hash made elsewhere: it has to be keyed and 128 bits of it have to be good.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// All 128 bits, for a store to name an entry by.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// What logs may show of it.
    #[must_use]
    pub const fn tag(self) -> KeyTag {
        KeyTag(self.low() & KeyTag::MASK)
    }

    pub(crate) const fn low(self) -> u64 {
        self.0 as u64
    }

    pub(crate) const fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

impl KeyTag {
    pub(crate) const BITS: u32 = 39;
    pub(crate) const MASK: u64 = (1 << Self::BITS) - 1;

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }
}

impl Secret {
    /// A secret of your own: sixteen random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A secret that the system's random source made.
    #[must_use]
    pub fn random() -> Self {
        // `RandomState` draws its two keys from that source; its hashes give them away to nobody.
        let halves = [0u8, 1].map(|half| RandomState::new().hash_one(half).to_le_bytes());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&halves[0]);
        bytes[8..].copy_from_slice(&halves[1]);
        Self(bytes)
    }

    pub(crate) fn hasher_for(self, policy: &str) -> KeyHasher {
        let name = SipHasher13::new_with_key(&self.0).hash(policy.as_bytes());
        // No policy has a name like that.
        let callers = SipHasher13::new_with_key(&self.0).hash(b"\0callers");
        KeyHasher { keys: (callers.h1, callers.h2), policy: name.h1 }
    }
}

impl KeyHasher {
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        let hash = SipHasher13::new_with_keys(self.keys.0, self.keys.1).hash(key);
        KeyHash(u128::from(hash.h2) << 64 | u128::from(hash.h1 ^ self.policy))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher([redacted])")
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}..)", self.tag())
    }
}

impl fmt::Debug for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyTag({self})")
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_caller_has_another_hash_under_each_policy_and_secret() {
        let secret = Secret::random();
        let hash = |secret: Secret, policy| secret.hasher_for(policy).hash(b"alice");
        assert_eq!(hash(secret, "a"), hash(secret, "a"));
        assert_ne!(hash(secret, "a"), hash(secret, "b"));
        assert_ne!(hash(secret, "a"), hash(Secret::random(), "a"));
        assert_eq!(hash(secret, "a").high(), hash(secret, "b").high(), "one place for one caller");
    }

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new(*b"0123456789abcdef");
        let shown = format!("{secret:?} {:?}", secret.hasher_for("a"));
        assert_eq!(shown, "Secret([redacted]) KeyHasher([redacted])");
    }
}
