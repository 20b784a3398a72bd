//! A media type.

/// A media type and its subtype (RFC 2045 §5.1), in the case in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MediaType {
    /// Type, such as `TEXT`.
    pub(crate) top_level: Vec<u8>,
    /// Subtype, such as `PLAIN`.
    pub(crate) subtype: Vec<u8>,
}

impl MediaType {
    pub(super) fn new(top_level: &[u8], subtype: &[u8]) -> Self {
        Self {
            top_level: top_level.to_vec(),
            subtype: subtype.to_vec(),
        }
    }

    /// Returns the octets of memory that the words take.
    pub(super) fn memory(&self) -> usize {
        self.top_level.capacity() + self.subtype.capacity()
    }

    /// Returns true if these are the type and the subtype, in any case.
    pub(crate) fn is(&self, top_level: &str, subtype: &str) -> bool {
        self.has(top_level) && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// Returns true for `multipart/*`.
    pub(crate) fn is_multipart(&self) -> bool {
        self.has("multipart")
    }

    /// Returns true for `text/*`, whose lines BODYSTRUCTURE counts.
    pub(crate) fn is_text(&self) -> bool {
        self.has("text")
    }

    fn has(&self, top_level: &str) -> bool {
        self.top_level.eq_ignore_ascii_case(top_level.as_bytes())
    }
}
