//! A quick hash of short text.

/// Folds eight bytes at a time.
///
/// Nothing that a caller chooses is ever inserted by it, so it need not withstand collisions that
/// somebody looks for: a miss of a hostile path costs what any miss costs.
#[inline]
pub(crate) fn hash(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = FACTOR ^ text.len() as u64;
    let (eights, rest) = text.as_chunks::<8>();
    for eight in eights {
        state = mix(state ^ u64::from_le_bytes(*eight));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(state ^ u64::from_le_bytes(last))
}

/// Spreads the bits of a number over all of it.
#[inline]
pub(crate) const fn mix(number: u64) -> u64 {
    let product = number as u128 * 0xd6e8_feb8_6659_fd93;
    (product ^ (product >> 64)) as u64
}
