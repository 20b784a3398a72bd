//! A part of a message, as a value.

use crate::message::envelope::Envelope;
use crate::message::extent::Extent;

/// A part of a message. The message itself is the part at the root.
///
/// `children` is never empty if the type is `multipart`, and always empty if it is not. `message`
/// is `Some` if and only if the type is `message/rfc822`. Where the content does not fit the type
/// in the header, the part gets another type: a multipart without any part (it has no boundary, or
/// its boundary does not occur) becomes plain text, and a message that the scanner did not look
/// into (it is encoded, or beyond a limit) becomes `application/octet-stream`. So no content is
/// lost, and every part has the BODYSTRUCTURE of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Header of the part (at the root: of the message), including its blank line.
    pub(crate) header: Extent,
    /// Body, still encoded. BODYSTRUCTURE shows its `size` and `lines`.
    pub(crate) body: Extent,
    /// Media type, as written or by default.
    pub(crate) media_type: Vec<u8>,
    /// Media subtype.
    pub(crate) subtype: Vec<u8>,
    /// Parameters of the media type. A text part always has a charset.
    pub(crate) params: Vec<Param>,
    /// Content-ID.
    pub(crate) id: Option<Vec<u8>>,
    /// Content-Description.
    pub(crate) description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding, `7BIT` by default.
    pub(crate) encoding: Vec<u8>,
    /// Content-MD5.
    pub(crate) md5: Option<Vec<u8>>,
    /// Content-Disposition.
    pub(crate) disposition: Option<Disposition>,
    /// Language tags of Content-Language; empty if there is no such field.
    pub(crate) language: Vec<Vec<u8>>,
    /// Content-Location.
    pub(crate) location: Option<Vec<u8>>,
    /// Parts of a multipart.
    pub(crate) children: Vec<Self>,
    /// Message in a `message/rfc822`.
    pub(crate) message: Option<Box<EmbeddedMessage>>,
}

/// One parameter of a field. A value that RFC 2231 splits into pieces or gives a charset stays as
/// several parameters, as in IMAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    /// Attribute, as written.
    pub(crate) name: Vec<u8>,
    /// Value, without quotes.
    pub(crate) value: Vec<u8>,
}

/// How the sender wants a part to be shown (RFC 2183).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// `inline`, `attachment`, or any other word, as written.
    pub(crate) kind: Vec<u8>,
    /// Parameters of the disposition, such as the file name.
    pub(crate) params: Vec<Param>,
}

/// A message inside a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddedMessage {
    /// Octets of its header that the scanner kept.
    pub(crate) header_bytes: Vec<u8>,
    /// Its root: `part.header` is the header of the message, `part.body` its text.
    pub(crate) part: Part,
}

impl EmbeddedMessage {
    /// Returns the envelope of the message. Parses it on each call, because an envelope takes many
    /// times the memory of the header.
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope::parse(&self.header_bytes)
    }
}

impl Default for Part {
    /// Returns what a part without any Content-* field is: `text/plain; charset=us-ascii` in 7
    /// bits.
    fn default() -> Self {
        Self {
            header: Extent::default(),
            body: Extent::default(),
            media_type: b"TEXT".to_vec(),
            subtype: b"PLAIN".to_vec(),
            params: vec![default_charset()],
            id: None,
            description: None,
            encoding: b"7BIT".to_vec(),
            md5: None,
            disposition: None,
            language: Vec::new(),
            location: None,
            children: Vec::new(),
            message: None,
        }
    }
}

impl Part {
    /// Returns true if the part has this type, in any case.
    pub(crate) fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.has_type(media_type) && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// Returns true for `multipart/*`.
    pub(crate) fn is_multipart(&self) -> bool {
        self.has_type("multipart")
    }

    /// Returns true for `text/*`, whose lines BODYSTRUCTURE counts.
    pub(crate) fn is_text(&self) -> bool {
        self.has_type("text")
    }

    /// Returns the value of the first parameter with this name, in any case.
    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        let is_named = |param: &&Param| param.name.eq_ignore_ascii_case(name.as_bytes());
        self.params.iter().find(is_named).map(|param| &*param.value)
    }

    fn has_type(&self, media_type: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type.as_bytes())
    }

    /// Returns true if the body is not encoded, so that it can have parts. RFC 2045 §6.4 forbids
    /// any other encoding for multipart and message, but such mail exists.
    pub(in crate::message) fn is_identity_encoded(&self) -> bool {
        let known: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
        known
            .iter()
            .any(|name| self.encoding.eq_ignore_ascii_case(name))
    }

    /// Replaces a type that the content does not fit, once the part is complete.
    pub(in crate::message) fn settle_type(&mut self) {
        if self.is_multipart() && self.children.is_empty() {
            self.set_type(b"TEXT", b"PLAIN");
            self.params = vec![default_charset()];
        } else if self.is("message", "rfc822") && self.message.is_none() {
            self.set_type(b"APPLICATION", b"OCTET-STREAM");
        }
    }

    pub(super) fn set_type(&mut self, media_type: &[u8], subtype: &[u8]) {
        self.media_type = media_type.to_vec();
        self.subtype = subtype.to_vec();
    }
}

/// Returns the charset of a text part that names none.
pub(super) fn default_charset() -> Param {
    Param {
        name: b"CHARSET".to_vec(),
        value: b"US-ASCII".to_vec(),
    }
}
