//! Ranges of IP addresses, as the operator writes them in options.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses whose first `bits` bits are those of `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u32,
}

impl AddressRange {
    /// True if the range contains the address. An IPv4 address mapped into IPv6, as an IPv6 socket
    /// shows an IPv4 client, counts as that IPv4 address.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let (Some(first), Some(address)) = (self.number(self.first), self.number(address)) else {
            return false;
        };
        // The shift overflows if no bit counts.
        let differing = first ^ address;
        differing
            .checked_shr(length(self.first) - self.bits)
            .unwrap_or(0)
            == 0
    }

    /// Returns the address as a number, or `None` if it is of the other family.
    fn number(self, address: IpAddr) -> Option<u128> {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(address)) => Some(u32::from(address).into()),
            (IpAddr::V6(_), IpAddr::V6(address)) => Some(address.into()),
            _ => None,
        }
    }
}

/// Returns the number of bits of an address of that family.
fn length(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// ```text
/// range = address ["/" bits]
/// ```
impl FromStr for AddressRange {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first = address
            .parse()
            .map(|address: IpAddr| address.to_canonical());
        let first = first.map_err(drop)?;
        let all = length(first);
        let bits = bits.map_or(Ok(all), str::parse).map_err(drop)?;
        if bits > all {
            return Err(());
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.bits == length(self.first) {
            return Ok(());
        }
        write!(f, "/{}", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_the_addresses_with_its_first_bits() {
        let contains = |range: &str, address: &str| {
            let range: AddressRange = range.parse().expect("a range");
            range.contains(address.parse().expect("an address"))
        };
        for (range, inside, outside) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::1"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.0.0.0", "9.255.255.255"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            assert!(contains(range, inside), "{inside} in {range}");
            assert!(!contains(range, outside), "{outside} in {range}");
        }
        assert!(contains("0.0.0.0/0", "255.255.255.255"));
        assert!(contains("::/0", "ffff::1") && !contains("::/0", "192.0.2.1"));
    }

    #[test]
    fn displays_what_it_parsed() {
        for text in ["192.0.2.1", "10.0.0.0/8", "::1", "fe80::/10", "0.0.0.0/0"] {
            let range = text.parse::<AddressRange>();
            assert_eq!(range.map(|range| range.to_string()), Ok(text.into()));
        }
        for wrong in [
            "",
            "/",
            "10",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "x/8",
        ] {
            assert_eq!(wrong.parse::<AddressRange>(), Err(()), "{wrong}");
        }
    }
}
