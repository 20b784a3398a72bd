//! What the Content-* fields of a part say, as a value.

use super::media_type::MediaType;
use crate::types::memory;

/// What the Content-* fields of a part say: all that a BODYSTRUCTURE shows of the part, besides its
/// sizes and the parts inside it. A field may fill 64 KiB with parameters, so that the value is
/// made from the header when it is needed, and not kept for each part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Media type, as written or by default.
    pub(crate) media_type: MediaType,
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

fn of_params(params: &Vec<Param>) -> usize {
    let octets = |param: &Param| param.name.capacity() + param.value.capacity();
    memory::of_list(params) + params.iter().map(octets).sum::<usize>()
}

impl Default for Content {
    /// Returns what a part without any Content-* field contains: `text/plain; charset=us-ascii` in
    /// 7 bits.
    fn default() -> Self {
        Self {
            media_type: MediaType::new(b"TEXT", b"PLAIN"),
            params: vec![default_charset()],
            id: None,
            description: None,
            encoding: b"7BIT".to_vec(),
            md5: None,
            disposition: None,
            language: Vec::new(),
            location: None,
        }
    }
}

impl Content {
    /// Returns the octets of memory that the value takes outside itself. Looks at each parameter.
    pub(crate) fn memory(&self) -> usize {
        let disposition = self.disposition.as_ref();
        let strings = [
            Some(&self.encoding),
            self.id.as_ref(),
            self.description.as_ref(),
            self.md5.as_ref(),
            self.location.as_ref(),
            disposition.map(|disposition| &disposition.kind),
        ];
        let strings = strings.into_iter().flatten().chain(&self.language);
        let params = disposition.map_or(0, |disposition| of_params(&disposition.params));
        strings.map(Vec::capacity).sum::<usize>()
            + self.media_type.memory()
            + of_params(&self.params)
            + params
            + memory::of_list(&self.language)
    }

    /// Returns the value of the first parameter with this name, in any case.
    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        let is_named = |param: &&Param| param.name.eq_ignore_ascii_case(name.as_bytes());
        self.params.iter().find(is_named).map(|param| &*param.value)
    }

    /// Returns true if the body is not encoded, so that it can have parts. RFC 2045 §6.4 forbids
    /// any other encoding for multipart and message, but such mail exists.
    pub(in crate::message) fn is_identity_encoded(&self) -> bool {
        let known: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
        known
            .iter()
            .any(|name| self.encoding.eq_ignore_ascii_case(name))
    }

    /// Replaces a type that the parts inside do not fit. A multipart without any part (it has no
    /// boundary, or its boundary does not occur) becomes plain text, and a message that the scanner
    /// did not look into (it is encoded, or beyond a limit) becomes `application/octet-stream`. So
    /// no content is lost, and every part has the BODYSTRUCTURE of its type.
    pub(in crate::message) fn settle_type(&mut self, has_children: bool, has_message: bool) {
        if self.media_type.is_multipart() && !has_children {
            self.media_type = MediaType::new(b"TEXT", b"PLAIN");
            self.params = vec![default_charset()];
        } else if self.media_type.is("message", "rfc822") && !has_message {
            self.media_type = MediaType::new(b"APPLICATION", b"OCTET-STREAM");
        }
    }
}

/// Returns the charset of a text part that names none.
pub(super) fn default_charset() -> Param {
    Param {
        name: b"CHARSET".to_vec(),
        value: b"US-ASCII".to_vec(),
    }
}
