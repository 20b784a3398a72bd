//! LF seen as CRLF.
//!
//! A Maildir delivery stores lines with LF, an IMAP session shows them with CRLF, and a message that was
//! copied from elsewhere may have both. The rule that serves all three: an LF that has no CR before it
//! is shown as CRLF, everything else is shown as it is.

use memchr::memchr_iter;

/// Turns bare LF into CRLF, chunk by chunk; the state is whether the last octet was a CR.
///
/// Start a new one for every stretch that starts at the start of a line; only there is it sure that the
/// octet before, which it has not seen, does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrlfConverter {
    after_cr: bool,
}

impl CrlfConverter {
    /// A converter at the start of a line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends the chunk as a client sees it. At most twice the chunk's length is appended.
    pub(crate) fn convert(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(&last) = chunk.last() else { return };
        out.reserve(chunk.len() + chunk.len() / 16);
        let mut from = 0;
        for at in memchr_iter(b'\n', chunk) {
            let after_cr = match at {
                0 => self.after_cr,
                _ => chunk[at - 1] == b'\r',
            };
            if !after_cr {
                out.extend_from_slice(&chunk[from..at]);
                out.push(b'\r');
                from = at;
            }
        }
        out.extend_from_slice(&chunk[from..]);
        self.after_cr = last == b'\r';
    }
}

/// The whole text as a client sees it.
pub(crate) fn to_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    CrlfConverter::new().convert(text, &mut out);
    out
}

/// How many octets a client sees for the whole text: what the tests compare with.
#[cfg(test)]
pub(super) fn size_as_seen(text: &[u8]) -> u64 {
    let mut counter = super::extent::PositionCounter::default();
    counter.advance(text);
    counter.position.size
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn converts_bare_line_feeds_only() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"\n", b"\r\n"),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb", b"a\r\nb"),
            (b"a\rb\r\r\n\n\0\xff", b"a\rb\r\r\n\r\n\0\xff"),
            (b"\n\r", b"\r\n\r"),
        ];
        for (stored, seen) in cases {
            assert_eq!(to_crlf(stored), seen);
            assert_eq!(size_as_seen(stored), seen.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn every_chunking_converts_alike(
            text in prop::collection::vec(prop::sample::select(b"\r\nx".to_vec()), 0..40),
            cut in 0usize..40,
        ) {
            let (left, right) = text.split_at(cut.min(text.len()));
            let (mut crlf, mut out) = (CrlfConverter::new(), Vec::new());
            crlf.convert(left, &mut out);
            crlf.convert(right, &mut out);
            prop_assert_eq!(&out, &to_crlf(&text));
            prop_assert_eq!(to_crlf(&out), out, "converting twice changes nothing");
        }
    }
}
