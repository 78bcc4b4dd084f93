use std::{error::Error, fmt, net::IpAddr, str::FromStr};

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
///
/// IPv4 addresses that are written as IPv6 (`::ffff:10.0.0.0/104`) are IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    base: u128,
    mask: u128,
    v6: bool,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CidrError(Box<str>);

impl Cidr {
    /// Whether an address is in this range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v6) = left_aligned(address.to_canonical());
        v6 == self.v6 && bits & self.mask == self.base
    }
}

/// All of an address at the upper end of 128 bits, so that a prefix is the same mask for both kinds.
pub(super) fn left_aligned(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, false),
        IpAddr::V6(v6) => (v6.to_bits(), true),
    }
}

/// The mask of the first `prefix` of 128 bits.
pub(super) const fn mask(prefix: u8) -> u128 {
    match 128u32.checked_sub(prefix as u32) {
        None | Some(0) => u128::MAX,
        Some(shift) if shift < 128 => u128::MAX << shift,
        Some(_) => 0,
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// A range with bits set below its prefix is refused: `10.1.2.3/8` is rather a slip than a
    /// wish, and a slip here trusts strangers.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        parse(text.trim()).ok_or_else(|| CidrError(text.into()))
    }
}

fn parse(text: &str) -> Option<Cidr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) if prefix.bytes().all(|digit| digit.is_ascii_digit()) => {
            (address, Some(prefix.parse::<u8>().ok()?))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let written: IpAddr = address.parse().ok()?;
    let address = written.to_canonical();
    let mapped = written.is_ipv6() && address.is_ipv4();
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) if mapped => prefix.checked_sub(96)?,
        Some(prefix) => prefix,
        None => width,
    };
    let (base, v6) = left_aligned(address);
    let mask = mask(prefix);
    (prefix <= width && base & !mask == 0).then_some(Cidr { base, mask, v6, prefix })
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let (base, v6) = left_aligned(address);
        let prefix = if v6 { 128 } else { 32 };
        Self { base, mask: mask(prefix), v6, prefix }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = if self.v6 {
            IpAddr::V6(self.base.into())
        } else {
            IpAddr::V4(((self.base >> 96) as u32).into())
        };
        write!(f, "{address}/{}", self.prefix)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cidr({self})")
    }
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no range of addresses: write one such as 10.0.0.0/8 or 2001:db8::/32, without \
             bits below the prefix",
            self.0
        )
    }
}

impl Error for CidrError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
        ] {
            let range: Cidr = range.parse().unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{range} {outside}");
            assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn a_slip_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "2001:db8::1/32",
            "::ffff:10.0.0.0/8",
            "example.com",
            "10.0.0.0/8/8",
            "fe80::1%eth0",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text:?}");
        }
    }
}
