//! SASLprep (RFC 4013): the form in which SCRAM hashes passwords (RFC 5802 §5.1). It gives the same
//! octets for the same characters, whatever keyboard they were typed on.

use zeroize::Zeroizing;

/// Returns a password in the form that SCRAM hashes; unchanged if SASLprep does not allow it.
pub(super) fn prepare(given: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(prepared(given).unwrap_or_else(|| given.to_vec()))
}

#[cfg(feature = "saslprep")]
fn prepared(given: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(given).ok()?;
    let text = stringprep::saslprep(text).ok()?;
    Some(text.into_owned().into_bytes())
}

#[cfg(not(feature = "saslprep"))]
fn prepared(_: &[u8]) -> Option<Vec<u8>> {
    None
}

#[cfg(test)]
#[cfg(feature = "saslprep")]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4013_section_3_and_forbidden_passwords() {
        for (given, prepared) in [
            (&b"I\xc2\xadX"[..], &b"IX"[..]),
            (b"user", b"user"),
            (b"USER", b"USER"),
            (b"\xc2\xaa", b"a"),
            (b"\xe2\x85\xa8", b"IX"),
            (b"\x07", b"\x07"),
            (b"\xff\xfe", b"\xff\xfe"),
            ("pe\u{301}ncil".as_bytes(), "p\u{e9}ncil".as_bytes()),
            (b"", b""),
        ] {
            assert_eq!(*prepare(given), prepared, "{given:?}");
        }
    }
}
