//! As much of DER as the public keys in PEM files need.

/// `rsaEncryption` (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Modulus and exponent, both without leading zeros.
#[derive(Clone, Copy)]
pub(super) struct Rsa<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

impl<'a> Rsa<'a> {
    /// Reads an `RSAPublicKey` (RFC 8017 appendix A.1.1), by itself or in a `SubjectPublicKeyInfo`
    /// (RFC 5280 §4.1).
    pub(super) fn from_der(der: &'a [u8]) -> Option<Self> {
        let (mut outer, []) = element(der, SEQUENCE)? else {
            return None;
        };
        if let Some((algorithm, rest)) = element(outer, SEQUENCE) {
            let (id, _) = element(algorithm, OBJECT_ID)?;
            let ([0, key @ ..], []) = element(rest, BIT_STRING)? else {
                return None;
            };
            let (inner, []) = element(key, SEQUENCE)? else {
                return None;
            };
            if id != RSA_ENCRYPTION {
                return None;
            }
            outer = inner;
        }
        let (modulus, rest) = element(outer, INTEGER)?;
        let (exponent, []) = element(rest, INTEGER)? else {
            return None;
        };
        Some(Self {
            modulus: without_leading_zeros(modulus),
            exponent: without_leading_zeros(exponent),
        })
    }

    /// Writes an `RSAPublicKey`.
    pub(super) fn to_der(self) -> Vec<u8> {
        let mut integers = Vec::with_capacity(self.modulus.len() + self.exponent.len() + 16);
        for number in [self.modulus, self.exponent] {
            // A leading one bit would be a sign.
            let sign = number.first().is_some_and(|first| first & 0x80 != 0);
            push_header(&mut integers, INTEGER, number.len() + usize::from(sign));
            if sign {
                integers.push(0);
            }
            integers.extend_from_slice(number);
        }
        let mut der = Vec::with_capacity(integers.len() + 8);
        push_header(&mut der, SEQUENCE, integers.len());
        der.extend_from_slice(&integers);
        der
    }

    pub(super) fn bits(&self) -> usize {
        let first = self.modulus.first().map_or(0, |first| first.leading_zeros());
        self.modulus.len() * 8 - first as usize
    }
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The content of the first element, if it has this tag, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], mut rest) = der.split_first_chunk()?;
    let mut length = usize::from(length);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length - 0x80)?;
        length = match digits {
            [low] => usize::from(*low),
            [high, low] => usize::from(u16::from_be_bytes([*high, *low])),
            // No key is longer than 64 KiB.
            _ => return None,
        };
        rest = after;
    }
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

fn push_header(der: &mut Vec<u8>, tag: u8, length: usize) {
    der.push(tag);
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend_from_slice(&[0x81, length as u8]),
        _ => {
            der.push(0x82);
            der.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        for modulus in [vec![0x7f; 100], vec![0x80; 128], vec![0xff; 256], vec![0x90; 1024]] {
            let exponent = &[1, 0, 1];
            let der = Rsa { modulus: &modulus, exponent }.to_der();
            let read = Rsa::from_der(&der).unwrap();
            assert_eq!((read.modulus, read.exponent), (&*modulus, &exponent[..]));
            assert!(Rsa::from_der(&der[..der.len() - 1]).is_none());
            assert!(Rsa::from_der(&[&*der, &[0]].concat()).is_none());
        }
    }

    #[test]
    fn the_size_of_a_modulus_is_in_bits() {
        let bits = |modulus: &[u8]| Rsa { modulus, exponent: &[3] }.bits();
        assert_eq!(bits(&[0x80; 256]), 2048);
        assert_eq!(bits(&[0x40; 256]), 2047);
        assert_eq!(bits(&[]), 0);
    }
}
