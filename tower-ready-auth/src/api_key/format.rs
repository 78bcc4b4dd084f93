//! The text of an API key: `PREFIX_ENV_ID_SECRET` and six characters of checksum.

use aws_lc_rs::rand;

use crate::{ConfigError, ConfigErrorKind};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 95 bits: no two keys have one id.
const ID: usize = 16;

/// 256 bits.
const SECRET: usize = 43;

/// 32 bits.
const CHECKSUM: usize = 6;

/// How the keys of a service look, so that people and scanners of leaked secrets know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// `PREFIX_ENV_`
    start: Box<str>,
}

/// A text that has the form of a key.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
}

impl Format {
    pub(super) fn new(prefix: &str, environment: &str) -> Result<Self, ConfigError> {
        let is_word = |word: &str| {
            matches!(word.len(), 1..=32)
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !is_word(prefix) || !is_word(environment) {
            let both = format!("{prefix}_{environment}");
            return Err(ConfigError::new(ConfigErrorKind::KeyPrefix).about(&both));
        }
        let start = format!("{prefix}_{environment}_").into();
        Ok(Self { start })
    }

    /// A new key and its id.
    pub(super) fn generate(&self) -> Result<(String, String), ConfigError> {
        let id = random(ID)?;
        let body = format!("{}{id}_{}", self.start, random(SECRET)?);
        let checksum = checksum(body.as_bytes());
        let key = body + str::from_utf8(&checksum).unwrap_or_default();
        Ok((key, id))
    }

    /// Whether a text means to be a key of ours, good or not.
    pub(super) fn is_meant(&self, text: &[u8]) -> bool {
        text.starts_with(self.start.as_bytes())
    }

    /// The parts of a key. A slip of the hand fails here, at its checksum, without a look into a
    /// store.
    pub(super) fn parse<'a>(&self, text: &'a [u8]) -> Option<Parts<'a>> {
        if text.len() != self.start.len() + ID + 1 + SECRET + CHECKSUM {
            return None;
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM);
        let rest = body.strip_prefix(self.start.as_bytes())?;
        let (id, secret) = rest.split_at(ID);
        let secret = secret.strip_prefix(b"_")?;
        let is_digits = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
        if !is_digits(id) || !is_digits(secret) || checksum(body) != sum {
            return None;
        }
        Some(Parts { id: str::from_utf8(id).ok()?, secret: str::from_utf8(secret).ok()? })
    }
}

/// Evenly distributed digits: of a byte, the last values would favour the first digits.
fn random(length: usize) -> Result<String, ConfigError> {
    let mut digits = String::with_capacity(length);
    while digits.len() < length {
        let mut bytes = [0; 64];
        let error = || ConfigError::new(ConfigErrorKind::Randomness);
        rand::fill(&mut bytes).map_err(|_| error())?;
        let even = bytes.iter().filter(|byte| usize::from(**byte) < 4 * DIGITS.len());
        let left = length - digits.len();
        digits.extend(
            even.map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).take(left),
        );
    }
    Ok(digits)
}

/// CRC-32, as six digits.
fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32(body);
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// The CRC of ISO 3309, as in zip files.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 8 {
                let carry = value & 1;
                value >>= 1;
                if carry == 1 {
                    value ^= 0xedb8_8320;
                }
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_new_key_has_the_form_and_no_other_text_has() {
        let format = Format::new("acme", "live").unwrap();
        let (key, id) = format.generate().unwrap();
        let parts = format.parse(key.as_bytes()).unwrap();
        assert_eq!(parts.id, id);
        assert_eq!(parts.secret.len(), 43);

        for n in 0..key.len() {
            for other in *b"0aZ_-\n" {
                let mut bytes = key.clone().into_bytes();
                if bytes[n] != other {
                    bytes[n] = other;
                    assert!(format.parse(&bytes).is_none(), "{n} {other}");
                }
            }
        }
        assert!(format.parse(&key.as_bytes()[..key.len() - 1]).is_none());
        assert!(format.parse(format!("{key}0").as_bytes()).is_none());
        let test = Format::new("acme", "test").unwrap();
        assert!(test.parse(key.as_bytes()).is_none() && !test.is_meant(key.as_bytes()));
    }

    #[test]
    fn a_prefix_is_plain() {
        for (prefix, environment) in [("", "live"), ("acme", ""), ("Acme", "live"), ("a_b", "c")] {
            assert!(Format::new(prefix, environment).is_err());
        }
    }
}
