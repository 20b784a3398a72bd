//! The form in which passwords are hashed for SCRAM: the same characters are the same octets, whatever keyboard
//! they were typed on (SASLprep, RFC 4013; RFC 5802 §5.1).

use zeroize::Zeroizing;

/// A password as SCRAM hashes it; as it is, if it is none that SASLprep allows.
pub(super) fn password(given: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(given).ok();
    let prepared = prepared.and_then(|text| stringprep::saslprep(text).ok());
    Zeroizing::new(prepared.map_or_else(|| given.to_vec(), |text| text.into_owned().into_bytes()))
}

#[cfg(test)]
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
            (b"", b""),
        ] {
            assert_eq!(*password(given), prepared, "{given:?}");
        }
    }
}
