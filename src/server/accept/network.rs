//! The network that a client's address belongs to: the unit in which clients are counted.

use std::net::IpAddr;

/// An IPv4 address, or an IPv6 network of 64 bits: a host that has one address of such a network
/// can use them all (RFC 4291 §2.5.1, RFC 7421).
///
/// A site gets many of these: up to a network of 48 bits (RFC 6177). But unrelated hosts may share
/// one, as customers of a hoster do. So the site counts too, with limits that are [`SITE`] times as
/// high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
    V6Site([u8; 6]),
}

/// How many networks a site counts as.
pub(crate) const SITE: usize = 8;

impl Network {
    /// Returns the network of an address. An IPv4 client of an IPv6 socket counts as IPv4.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// Returns the site that the network is in, if it is one of several there.
    pub(crate) fn site(self) -> Option<Self> {
        match self {
            Self::V6([a, b, c, d, e, f, ..]) => Some(Self::V6Site([a, b, c, d, e, f])),
            Self::V4(_) | Self::V6Site(_) => None,
        }
    }

    /// Returns the network and its site.
    pub(crate) fn and_site(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(self.site())
    }

    /// Returns the limit of the network where a network may have `limit` of something.
    pub(crate) fn limit(self, limit: usize) -> usize {
        match self {
            Self::V4(_) | Self::V6(_) => limit,
            Self::V6Site(_) => limit.saturating_mul(SITE),
        }
    }

    /// Returns the octets that all addresses of the network begin with.
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
            Self::V6Site(octets) => octets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_and_64_bits_of_an_ipv6_address_are_a_network() {
        let of = |text: &str| Network::of(text.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        let site = |text| of(text).site();
        assert!(site("192.0.2.1").is_none());
        assert_eq!(site("2001:db8::1"), site("2001:db8:0:ffff::1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:1::1"));
        assert_eq!(of("2001:db8::1").and_site().count(), 2);
    }
}
