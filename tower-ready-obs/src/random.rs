//! Random numbers for ids: unique and hard to guess, but no secrets.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    num::NonZeroU64,
};

/// The state of xoshiro256++ (Blackman and Vigna, 2018).
type State = [u64; 4];

thread_local! {
    static STATE: Cell<State> = Cell::new(seed());
}

/// The system's random source keys the standard library's hashers, so that hashes of known numbers
/// are a seed. A read of that source for each id would cost a hundred times as much.
fn seed() -> State {
    let key = RandomState::new();
    // All zeros would stay zeros; one number of 2^256 need not be feared, but costs nothing to rule out.
    [0_u64, 1, 2, 3].map(|n| key.hash_one(n) | u64::from(n == 3))
}

/// A random number from this thread's own generator.
pub(crate) fn random() -> u64 {
    STATE.with(|cell| {
        let mut state = cell.get();
        let number = next(&mut state);
        cell.set(state);
        number
    })
}

/// A random number that is not zero, as ids must not be.
pub(crate) fn non_zero() -> NonZeroU64 {
    loop {
        if let Some(number) = NonZeroU64::new(random()) {
            return number;
        }
    }
}

const fn next(state: &mut State) -> u64 {
    let number = state[0].wrapping_add(state[3]).rotate_left(23).wrapping_add(state[0]);
    let shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3].rotate_left(45);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first numbers of the reference implementation for this state.
        let mut state = [1, 2, 3, 4];
        let numbers = [41943041, 58720359, 3588806011781223, 3591011842654386];
        assert_eq!(numbers.map(|_| next(&mut state)), numbers);
    }

    #[test]
    fn no_thread_repeats_another() {
        let make = || (0..1_000).map(|_| random()).collect::<Vec<_>>();
        let other = std::thread::spawn(make);
        let mut numbers = make();
        numbers.extend(other.join().unwrap());
        let unique = numbers.iter().collect::<std::collections::HashSet<_>>();
        assert_eq!(unique.len(), numbers.len());
    }
}
