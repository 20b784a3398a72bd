//! A comparison of secrets whose duration does not show how far they agree.

use std::hint::black_box;

/// True if `given` is `secret`. Reads every octet of the longer one, wherever they first differ.
pub(super) fn constant_time_eq(given: &[u8], secret: &[u8]) -> bool {
    let octet = |of: &[u8], at: usize| of.get(at).copied().unwrap_or(0);
    let mut difference = given.len() ^ secret.len();
    for at in 0..given.len().max(secret.len()) {
        difference = black_box(difference | usize::from(octet(given, at) ^ octet(secret, at)));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_only_if_every_octet_and_the_length_agree() {
        for (given, secret, same) in [
            (&b""[..], &b""[..], true),
            (b"secret", b"secret", true),
            (b"secreT", b"secret", false),
            (b"Secret", b"secret", false),
            (b"secret", b"", false),
            (b"", b"secret", false),
            (b"secret\0", b"secret", false),
            (b"secret", b"secret\0", false),
            (b"\0", b"", false),
        ] {
            assert_eq!(
                constant_time_eq(given, secret),
                same,
                "{given:?} {secret:?}"
            );
        }
    }
}
