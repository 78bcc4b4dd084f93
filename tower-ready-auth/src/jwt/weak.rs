//! Keys that anybody can sign with.

use super::{KeyError, der::Rsa, json::Object, pem};

/// Whether a secret is a public key: whoever knows it could then sign (CVE-2026-34950 in another
/// library).
pub(super) fn is_public(secret: &[u8]) -> bool {
    let is_jwk = || Object::parse(secret).is_some_and(|jwk| jwk.get("kty").is_some());
    pem::is_meant(secret) || Rsa::from_der(secret).is_some() || is_jwk()
}

/// RFC 7518 §3.3 wants 2048 bits; aws-lc takes no more than 8192.
pub(super) fn check_rsa(rsa: &Rsa<'_>) -> Result<(), KeyError> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let exponent = rsa.exponent;
    // An exponent of 1 makes every message its own signature; aws-lc takes at most 33 bits.
    let exponent_is_good = is_odd(exponent) && exponent != [1] && exponent.len() <= 4;
    let size_is_good = matches!(rsa.bits(), 2048..=8192);
    if size_is_good && is_odd(rsa.modulus) && exponent_is_good && !is_roca(rsa.modulus) {
        return Ok(());
    }
    Err(KeyError::WeakRsa)
}

/// CVE-2017-15361: a library in many smart cards made primes of a form that can be found out. Such
/// a modulus is a power of 65537 modulo each small prime; of others one in a hundred million is.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * 65_537 % prime;
            power == rest
        })
    })
}

/// Refuses the points of small order, in each way they can be written: with such a key, a
/// signature exists that fits every message (RFC 8032 §5.1.7 leaves that to the verifier).
pub(super) fn check_ed25519(key: &[u8; 32]) -> Result<(), KeyError> {
    const fn edge(low: u8, high: u8) -> [u8; 32] {
        let mut point = [0xff; 32];
        point[0] = low;
        point[31] = high;
        point
    }
    const ONE: [u8; 32] = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };
    const ORDER_8: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    const ORDER_8_TOO: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ];
    const SMALL: [[u8; 32]; 7] =
        [[0; 32], ONE, ORDER_8, ORDER_8_TOO, edge(0xec, 0x7f), edge(0xed, 0x7f), edge(0xee, 0x7f)];
    let mut point = *key;
    point[31] &= 0x7f; // the sign
    if SMALL.contains(&point) {
        return Err(KeyError::WeakEd25519);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power of 65537 is one modulo every prime.
    fn power_of_65537(exponent: u32) -> Vec<u8> {
        let mut number = vec![1_u8];
        for _ in 0..exponent {
            let mut carry = 0_u32;
            for digit in number.iter_mut().rev() {
                let product = u32::from(*digit) * 65_537 + carry;
                (*digit, carry) = (product as u8, product >> 8);
            }
            while carry > 0 {
                number.insert(0, carry as u8);
                carry >>= 8;
            }
        }
        number
    }

    #[test]
    fn a_modulus_of_a_known_form_is_weak() {
        let weak = power_of_65537(128);
        let check = |modulus: &[u8]| check_rsa(&Rsa { modulus, exponent: &[1, 0, 1] });
        assert_eq!(check(&weak), Err(KeyError::WeakRsa));
        let mut other = weak;
        other[100] ^= 1;
        assert_eq!(check(&other), Ok(()));
    }

    #[test]
    fn a_public_key_is_known_however_it_is_written() {
        let der = Rsa { modulus: &[0x91; 256], exponent: &[1, 0, 1] }.to_der();
        for public in [
            &der[..],
            b"-----BEGIN PUBLIC KEY-----",
            b" \n-----BEGIN RSA PUBLIC KEY-----",
            br#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        ] {
            assert!(is_public(public));
        }
        assert!(!is_public(&[0x30; 64]) && !is_public(b"{\"a\":1}") && !is_public(b""));
    }
}
