//! The header that a proxy sends before anything else (The PROXY protocol, versions 1 & 2, by W.
//! Tarreau; HAProxy's doc/proxy-protocol.txt).
//!
//! What follows the header belongs to the client, and may be the beginning of a TLS handshake. So
//! not one octet beyond the header may be read: [`parse`] returns how many more octets are sure to
//! belong to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Length of the longest line of version 1 (§2.1).
const MAX_LINE: usize = 107;
/// Length of the shortest header of either version.
const SHORTEST: usize = b"PROXY UNKNOWN\r\n".len();
/// The beginning of a header of version 2 (§2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Length of signature, version and command, family, and length.
const FIXED: usize = 16;
/// Length of the longest rest: addresses, and what the proxy knows of the client's TLS, its
/// certificate included.
const MAX_REST: usize = 4096;

/// What the header says of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Address of the client; none if the proxy connects for itself, or if the client has no
    /// address.
    pub(crate) client: Option<SocketAddr>,
    /// True if the client has connected to the proxy under TLS.
    pub(crate) is_encrypted: bool,
}

/// The meaning of the octets so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// At least this many more octets belong to the header.
    More(usize),
    /// The header is complete.
    Header(Header),
    /// The octets are no header.
    Invalid,
}

/// Parses the octets that a proxy has sent: all from the first on, and none beyond what earlier
/// calls asked for.
pub(super) fn parse(octets: &[u8]) -> Parsed {
    if octets.is_empty() {
        // Before the first octet it may be either version.
        return Parsed::More(SHORTEST);
    }
    let begins = |with: &[u8]| octets.starts_with(&with[..with.len().min(octets.len())]);
    if begins(SIGNATURE) {
        version_2(octets)
    } else if begins(b"PROXY ") {
        version_1(octets)
    } else {
        Parsed::Invalid
    }
}

/// ```text
/// line    = "PROXY " (client / "UNKNOWN" *any) CRLF
/// client  = ("TCP4" / "TCP6") SP source SP destination SP port SP port
/// ```
fn version_1(octets: &[u8]) -> Parsed {
    if octets.len() < SHORTEST {
        return Parsed::More(SHORTEST - octets.len());
    }
    match octets.strip_suffix(b"\r\n") {
        Some(line) => client_of_line(line).map_or(Parsed::Invalid, Parsed::Header),
        None if octets.len() < MAX_LINE => Parsed::More(1),
        None => Parsed::Invalid,
    }
}

fn client_of_line(line: &[u8]) -> Option<Header> {
    let words = std::str::from_utf8(line).ok()?.strip_prefix("PROXY ")?;
    let mut words = words.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Header::of(None));
    }
    let (source, destination): (IpAddr, IpAddr) =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (port, _): (u16, u16) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let is_whole = fits && words.next().is_none();
    is_whole.then(|| Header::of(Some(SocketAddr::new(source, port))))
}

/// ```text
/// header  = signature %x20-21 family length addresses *extra      version 2, LOCAL or PROXY
/// family  = %x11 / %x21 / OCTET                                   TCP over IPv4, IPv6, or else
/// length  = 2OCTET                                                of what follows it
/// ```
fn version_2(octets: &[u8]) -> Parsed {
    if octets.len() < FIXED {
        return Parsed::More(FIXED - octets.len());
    }
    let (fixed, rest) = octets.split_at(FIXED);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > MAX_REST {
        return Parsed::Invalid;
    }
    match length.checked_sub(rest.len()) {
        Some(0) => {}
        Some(missing) => return Parsed::More(missing),
        None => return Parsed::Invalid,
    }
    match fixed[12] {
        0x20 => Parsed::Header(Header::of(None)),
        0x21 => client_of_addresses(fixed[13], rest).map_or(Parsed::Invalid, Parsed::Header),
        _ => Parsed::Invalid,
    }
}

/// ```text
/// addresses = source destination port port
/// ```
/// The addresses of unknown families, and of sockets without addresses, are skipped (§2.2).
fn client_of_addresses(family: u8, rest: &[u8]) -> Option<Header> {
    let (client, extra) = match family {
        0x11 => {
            let (addresses, extra) = rest.split_first_chunk::<12>()?;
            let [a, b, c, d, _, _, _, _, port @ .., _, _] = *addresses;
            (socket(Ipv4Addr::new(a, b, c, d), port), extra)
        }
        0x21 => {
            let (addresses, extra) = rest.split_first_chunk::<36>()?;
            let source: &[u8; 16] = addresses.first_chunk()?;
            let port = [addresses[32], addresses[33]];
            (socket(Ipv6Addr::from(*source), port), extra)
        }
        _ => return Some(Header::of(None)),
    };
    Some(Header {
        client: Some(client),
        is_encrypted: has_tls(extra),
    })
}

fn socket(address: impl Into<IpAddr>, port: [u8; 2]) -> SocketAddr {
    SocketAddr::new(address.into(), u16::from_be_bytes(port))
}

/// ```text
/// extra = type length *OCTET              §2.2.1; for TLS: type %x20, and the first octet is
///                                         odd if the client is under TLS (§2.2.5)
/// ```
fn has_tls(mut extra: &[u8]) -> bool {
    while let Some((&[kind, high, low], rest)) = extra.split_first_chunk() {
        let Some((value, rest)) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())
        else {
            return false;
        };
        if kind == 0x20 {
            return value.first().is_some_and(|flags| flags & 1 == 1);
        }
        extra = rest;
    }
    false
}

impl Header {
    fn of(client: Option<SocketAddr>) -> Self {
        Self {
            client,
            is_encrypted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads as many octets as `parse` asks for. Returns the header, and the octets behind it.
    fn read(octets: &[u8]) -> Option<(Header, &[u8])> {
        let mut end = 0;
        loop {
            match parse(&octets[..end]) {
                Parsed::Header(header) => return Some((header, &octets[end..])),
                Parsed::Invalid => return None,
                Parsed::More(count) => end += count,
            }
            assert!(end <= octets.len(), "it asks for octets behind the header");
        }
    }

    fn client(octets: &[u8]) -> Option<String> {
        let (header, rest) = read(octets).expect("a header");
        assert_eq!(rest, b"* rest", "no octet of the client is taken");
        header.client.map(|client| client.to_string())
    }

    #[test]
    fn a_line_of_version_1_names_the_client() {
        let client = |line: &str| client(format!("{line}\r\n* rest").as_bytes());
        let four = "PROXY TCP4 192.0.2.1 198.51.100.1 4000 143";
        assert_eq!(client(four), Some("192.0.2.1:4000".into()));
        let six = "PROXY TCP6 2001:db8::1 2001:db8::2 65535 1";
        assert_eq!(client(six), Some("[2001:db8::1]:65535".into()));
        assert_eq!(client("PROXY UNKNOWN"), None);
        assert_eq!(client("PROXY UNKNOWN ffff::1 and so on"), None);
    }

    #[test]
    fn invalid_lines_are_refused() {
        for wrong in [
            "a1 LOGIN joe secret\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 4000\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 4000 143 1\r\n",
            "PROXY TCP4 192.0.2.1  198.51.100.1 4000 143\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 1\r\n",
            "PROXY TCP6 2001:db8::1 192.0.2.1 1 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 65536 143\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.1 1 1\r\n",
            "proxy TCP4 192.0.2.1 198.51.100.1 1 1\r\n",
            "\r\n\r\n\0\r\nQUIT\r\n      ",
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(read(endless.as_bytes()), None);
        let longest = format!("PROXY UNKNOWN {:>91}\r\n", "x");
        assert_eq!(longest.len(), MAX_LINE);
        assert!(read(longest.as_bytes()).is_some());
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("it fits").to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const FOUR: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0x0f, 0xa0, 0, 143];

    #[test]
    fn a_binary_header_of_version_2_names_the_client() {
        let client = |command, family, rest: &[u8]| {
            client(&[&binary(command, family, rest)[..], b"* rest"].concat())
        };
        assert_eq!(client(0x21, 0x11, FOUR), Some("192.0.2.1:4000".into()));
        let mut six = [0; 36];
        (six[0], six[15], six[33]) = (0x20, 1, 7);
        assert_eq!(client(0x21, 0x21, &six), Some("[2000::1]:7".into()));
        assert_eq!(client(0x20, 0x11, FOUR), None, "LOCAL");
        assert_eq!(client(0x21, 0x31, &[0; 216]), None, "a local socket");
        assert_eq!(client(0x21, 0x00, b""), None);
    }

    #[test]
    fn invalid_binary_headers_are_refused() {
        for wrong in [
            binary(0x11, 0x11, FOUR),
            binary(0x22, 0x11, FOUR),
            binary(0x21, 0x11, &FOUR[..11]),
            binary(0x21, 0x21, FOUR),
            binary(0x21, 0x11, &[0; MAX_REST + 1]),
        ] {
            assert_eq!(read(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_header_may_say_that_the_client_uses_tls() {
        let is_encrypted = |extra: &[u8]| {
            let octets = binary(0x21, 0x11, &[FOUR, extra].concat());
            read(&octets).expect("a header").0.is_encrypted
        };
        assert!(is_encrypted(&[0x20, 0, 5, 1, 0, 0, 0, 0]));
        assert!(is_encrypted(&[4, 0, 1, 0, 0x20, 0, 5, 7, 0, 0, 0, 0]));
        for none in [
            &[][..],
            &[0x20, 0, 5, 2, 0, 0, 0, 0],
            &[0x20, 0, 9, 1],
            &[0x20],
            &[0x20, 0, 0],
        ] {
            assert!(!is_encrypted(none), "{none:?}");
        }
    }
}
