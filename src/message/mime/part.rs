//! A part of a message, as a value.

use super::content::Content;
use super::media_type::MediaType;
use crate::message::extent::Extent;
use crate::types::memory;

/// A part of a message. The message itself is the part at the root.
///
/// `children` is never empty if the type is `multipart`, and always empty if it is not. `message`
/// is `Some` if and only if the type is `message/rfc822`. Where the content does not fit the type
/// in the header, the part has another type: see [`Content::settle_type`].
///
/// A message has up to 1000 parts with up to 1 MiB of headers. So a part has what the server needs
/// to find, decode and search it; for what BODYSTRUCTURE shows besides, its header is read again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Part {
    /// Header of the part (at the root: of the message), including its blank line.
    pub(crate) header: Extent,
    /// Octets of the header that count for its fields: those that the scanner has kept.
    pub(crate) kept_header: usize,
    /// Body, still encoded. BODYSTRUCTURE shows its `size` and `lines`.
    pub(crate) body: Extent,
    /// Whether the part is one of a `multipart/digest`, where the default type is another.
    pub(crate) in_digest: bool,
    /// Media type, as written or by default.
    pub(crate) media_type: MediaType,
    /// Charset of a text part.
    pub(crate) charset: Option<Vec<u8>>,
    /// Content-Transfer-Encoding, `7BIT` by default.
    pub(crate) encoding: Vec<u8>,
    /// Parts of a multipart.
    pub(crate) children: Vec<Self>,
    /// Root of the message in a `message/rfc822`: its `header` is the header of that message, its
    /// `body` the text.
    pub(crate) message: Option<Box<Self>>,
}

impl Part {
    /// Returns the octets of memory that the part and all parts in it take outside itself. Looks at
    /// each of them. Recursion is at most 32 deep, as deep as the scanner opens parts.
    pub(in crate::message) fn memory(&self) -> usize {
        let charset = self.charset.as_ref().map_or(0, Vec::capacity);
        let strings = self.media_type.memory() + self.encoding.capacity();
        let message = self.message.as_ref();
        let message = message.map_or(0, |message| size_of::<Self>() + message.memory());
        let children = self.children.iter().map(Self::memory).sum::<usize>();
        charset + strings + message + memory::of_list(&self.children) + children
    }

    /// Takes over what the fields of its header say, once the part is complete.
    pub(in crate::message) fn take_content(&mut self, mut content: Content) {
        content.settle_type(!self.children.is_empty(), self.message.is_some());
        self.charset = content.param("charset").map(<[u8]>::to_vec);
        self.media_type = content.media_type;
        self.encoding = content.encoding;
    }

    /// Settles the type in what was read again from the header of the part.
    pub(crate) fn settle(&self, content: &mut Content) {
        content.settle_type(!self.children.is_empty(), self.message.is_some());
    }
}
