//! The conversion of stored line ends to CRLF.
//!
//! A Maildir delivery stores lines with LF, an IMAP session sends them with CRLF, and a message
//! that was copied from elsewhere may have both. One rule serves all three: an LF without a CR
//! before it becomes CRLF, and all other octets stay as they are.

use memchr::memchr_iter;

/// Converts bare LF to CRLF, chunk by chunk. Its state is whether the last octet was a CR.
///
/// A stretch of a message needs a converter of its own, and must begin at the start of a line: only
/// there does the octet before it, which the converter has not seen, make no difference.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrlfConverter {
    after_cr: bool,
}

impl CrlfConverter {
    /// Returns a converter at the start of a line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends the converted chunk to `out`: at most twice as many octets as the chunk has.
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

/// Returns the whole text, converted.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn to_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    CrlfConverter::new().convert(text, &mut out);
    out
}

/// Returns the number of octets that a client receives for the text, as [`Extent`](super::Extent)
/// counts.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn crlf_size(text: &[u8]) -> u64 {
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
        for (stored, want) in cases {
            assert_eq!(to_crlf(stored), want);
            assert_eq!(crlf_size(stored), want.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn chunk_borders_make_no_difference(
            text in prop::collection::vec(prop::sample::select(b"\r\nx".to_vec()), 0..40),
            cut in 0usize..40,
        ) {
            let (left, right) = text.split_at(cut.min(text.len()));
            let (mut crlf, mut out) = (CrlfConverter::new(), Vec::new());
            crlf.convert(left, &mut out);
            crlf.convert(right, &mut out);
            prop_assert_eq!(&out, &to_crlf(&text));
            prop_assert_eq!(to_crlf(&out), out, "the second conversion changes nothing");
        }
    }
}
