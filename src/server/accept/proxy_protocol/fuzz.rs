//! What the fuzzers do with the headers of proxies.

use super::header::{Parsed, parse};

/// The longest header of either version, in octets.
const LONGEST: usize = 16 + 4096;

/// Reads a header as a socket is read: as many octets at a time as are sure to belong to it.
///
/// Each answer asks for more octets or is the last, and no header is longer than it may be.
pub(crate) fn proxy_header(octets: &[u8]) {
    let mut end = 0;
    while end <= octets.len() {
        assert!(end <= LONGEST);
        match parse(&octets[..end]) {
            Parsed::More(count) => {
                assert!(count > 0, "no octet is asked for");
                end += count;
            }
            Parsed::Header(header) => {
                assert!(header.client.is_some() || !header.is_encrypted);
                return;
            }
            Parsed::Invalid => return,
        }
    }
}
