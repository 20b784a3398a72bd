//! The body sections that FETCH can name.

/// A section of a message, or a range of octets of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// Leaves `\Seen` unchanged.
    pub(crate) peek: bool,
    /// The part number, outermost level first, no element 0; empty for the message itself.
    pub(crate) part: Vec<u32>,
    /// What of that part.
    pub(crate) text: SectionText,
    /// The first octet, counted from 0, and the greatest number of octets, which is not 0.
    pub(crate) partial: Option<(u32, u32)>,
    /// The name of the item in the response, such as `BODY[1.TEXT]<0>`.
    pub(crate) as_written: Vec<u8>,
}

/// What of a part (RFC 3501 §9 `section-text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SectionText {
    /// Its content; for the message itself header and text.
    All,
    /// The header of the message that the part contains.
    Header,
    /// Part 0: the IMAP2bis notation for the header of the message that the part contains. If the
    /// part contains no message, part 0 is its MIME header, which IMAP2bis cannot name otherwise.
    Part0,
    /// Some fields of that header, and the blank line.
    HeaderFields {
        /// All fields but the named ones.
        not: bool,
        /// The field names, as the client wrote them.
        names: Vec<Vec<u8>>,
    },
    /// The text of the message that the part contains.
    Text,
    /// The MIME header of the part. Never of the message itself.
    Mime,
}
