//! The announcement of a literal: `{n}` or `{n+}` at the end of a line.

/// What a literal's announcement says.
///
/// ```text
/// literal ::= "{" NUMBER "}" CRLF ASCII-STRING            RFC 1064 p. 25
/// literal  = "{" number ["+"] "}" CRLF *CHAR8             RFC 7888 §8
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Octets to come; a number beyond 64 bits counts as the greatest one, which nothing accepts.
    pub(crate) size: u64,
    /// The client waits for a continuation before it sends them.
    pub(crate) synchronizing: bool,
}

impl Announcement {
    /// Reads `{n}` or `{n+}`, with nothing before or after it.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let inner = text.strip_prefix(b"{")?.strip_suffix(b"}")?;
        let digits = inner.strip_suffix(b"+").unwrap_or(inner);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let size = digits.iter().fold(0_u64, |size, digit| {
            size.saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        Some(Self {
            size,
            synchronizing: digits.len() == inner.len(),
        })
    }

    /// The announcement that a line ends with.
    pub(crate) fn at_end_of(line: &[u8]) -> Option<Self> {
        let at = memchr::memrchr(b'{', line)?;
        Self::parse(&line[at..])
    }
}

/// The octets of the literal that a line announces at its end.
pub(crate) fn literal_size(line: &[u8]) -> Option<u64> {
    Announcement::at_end_of(line).map(|announced| announced.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(u64, bool)> {
        Announcement::at_end_of(text.as_bytes()).map(|a| (a.size, a.synchronizing))
    }

    #[test]
    fn known_answers() {
        assert_eq!(read("a LOGIN {5}"), Some((5, true)));
        assert_eq!(read("{5}{0007+}"), Some((7, false)));
        assert_eq!(read("x{99999999999999999999}"), Some((u64::MAX, true)));
        for not in [
            "", "{", "{}", "{+}", "{5", "5}", "{5} ", "{-5}", "{5++}", "{5 }",
        ] {
            assert_eq!(read(not), None, "{not:?}");
        }
    }
}
