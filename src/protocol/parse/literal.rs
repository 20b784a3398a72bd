//! The announcement of a literal: `{n}` or `{n+}` at the end of a line.

/// The announcement of a literal.
///
/// ```text
/// literal ::= "{" NUMBER "}" CRLF ASCII-STRING            RFC 1064 p. 25
/// literal  = "{" number ["+"] "}" CRLF *CHAR8             RFC 7888 §8
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiteralAnnouncement {
    /// The number of octets to come. A number beyond 64 bits is read as `u64::MAX`, which is over
    /// every limit.
    pub(crate) size: u64,
    /// The client waits for a continuation request before it sends the octets.
    pub(crate) synchronizing: bool,
}

impl LiteralAnnouncement {
    /// Parses `{n}` or `{n+}`; `None` if `text` is anything else.
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

    /// Returns the announcement at the end of a line.
    pub(crate) fn at_end_of(line: &[u8]) -> Option<Self> {
        let at = memchr::memrchr(b'{', line)?;
        Self::parse(&line[at..])
    }
}

/// Returns the size of the literal that a line announces at its end.
pub(crate) fn literal_size(line: &[u8]) -> Option<u64> {
    LiteralAnnouncement::at_end_of(line).map(|announced| announced.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(u64, bool)> {
        LiteralAnnouncement::at_end_of(text.as_bytes()).map(|a| (a.size, a.synchronizing))
    }

    #[test]
    fn an_announcement_ends_the_line() {
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
