//! Where the pieces of a message lie in its file.

use super::extent::Extent;
use super::mime::Part;

/// Most octets of the header of a message that are kept in [`Layout::header_bytes`]. The extent of
/// a longer header is right all the same.
pub(crate) const MAX_KEPT_HEADER: usize = 256 * 1024;

/// How much of a message is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ScanDepth {
    /// The header only. The scanner does not need the rest of the message.
    Header,
    /// The header, and the sizes of header and text.
    Sizes,
    /// The whole message, with the tree of its MIME parts.
    Structure,
}

/// Where the pieces of a message lie.
///
/// At [`ScanDepth::Header`] the scanner does not see the text. Then the text is empty, and the
/// whole is the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The message. Its size is RFC822.SIZE.
    pub(crate) whole: Extent,
    /// The header, including the blank line that ends it.
    pub(crate) header: Extent,
    /// What follows the blank line.
    pub(crate) text: Extent,
    /// The octets of the header as they lie in the file, at most [`MAX_KEPT_HEADER`].
    pub(crate) header_bytes: Vec<u8>,
    /// The root of the tree of parts, at [`ScanDepth::Structure`].
    pub(crate) part: Option<Part>,
}

impl Layout {
    /// Returns the octets of memory that the layout takes outside itself. Looks at each part.
    pub(crate) fn memory(&self) -> usize {
        let part = self.part.as_ref();
        self.header_bytes.capacity() + part.map_or(0, Part::memory)
    }
}
