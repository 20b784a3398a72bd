//! The form in which passwords are hashed for SCRAM: the same characters are the same octets,
//! whatever keyboard they were typed on (SASLprep, RFC 4013; RFC 5802 §5.1).

use zeroize::Zeroizing;

/// A password as SCRAM hashes it; as it is, if it is none that SASLprep allows.
pub(super) fn password(given: &[u8]) -> Zeroizing<Vec<u8>> {
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

#[cfg(all(test, feature = "saslprep"))]
mod tests {
    use super::*;

    /// RFC 4013 §3, and what it leaves open.
    #[test]
    fn examples() {
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
            assert_eq!(*password(given), prepared, "{given:?}");
        }
    }
}
