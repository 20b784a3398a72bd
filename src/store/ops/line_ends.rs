//! Converting the line ends of a message for the Maildir.

/// Turns CRLF into LF, as Maildirs have it, and counts the octets of both forms.
#[derive(Debug, Default)]
pub(super) struct LineEndConverter {
    /// Converted octets that were not written yet.
    pub(super) buffer: Vec<u8>,
    /// True if the last octet was a CR, which may belong to the LF that comes next.
    has_cr: bool,
    /// True if the last octet of the stored form was a CR.
    after_cr: bool,
    /// Octets of the stored form.
    pub(super) stored: u64,
    /// Octets as they are sent: each LF without a CR before it counts as two.
    pub(super) on_the_wire: u64,
}

impl LineEndConverter {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            if self.has_cr {
                self.has_cr = false;
                if first != b'\n' {
                    self.put(b"\r");
                }
            }
            let end = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
            self.put(&bytes[..end]);
            self.has_cr = end < bytes.len();
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
    }

    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.has_cr) {
            self.put(b"\r");
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else {
            return;
        };
        let bare = memchr::memchr_iter(b'\n', bytes).filter(|&at| {
            if at == 0 {
                !self.after_cr
            } else {
                bytes[at - 1] != b'\r'
            }
        });
        self.on_the_wire += bytes.len() as u64 + bare.count() as u64;
        self.stored += bytes.len() as u64;
        self.after_cr = last == b'\r';
        self.buffer.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(chunks: &[&[u8]]) -> (Vec<u8>, u64, u64) {
        let mut text = LineEndConverter::default();
        for chunk in chunks {
            text.add(chunk);
        }
        text.end();
        (text.buffer, text.stored, text.on_the_wire)
    }

    #[test]
    fn stores_line_feeds_and_counts_both_ways() {
        let cases: [(&[u8], &[u8], u64); 8] = [
            (b"", b"", 0),
            (b"a\r\nb\r\n", b"a\nb\n", 6),
            (b"a\nb", b"a\nb", 4),
            (b"\n", b"\n", 2),
            (b"a\rb\r", b"a\rb\r", 4),
            (b"a\r\r\nb", b"a\r\nb", 4),
            (b"\r\n\r\n", b"\n\n", 4),
            (b"\0\xff\r\n", b"\0\xff\n", 4),
        ];
        for (input, output, wire) in cases {
            let whole = stored(&[input]);
            assert_eq!(
                whole,
                (output.to_vec(), output.len() as u64, wire),
                "{input:?}"
            );
            let octets: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(stored(&octets), whole, "byte by byte: {input:?}");
        }
    }
}
