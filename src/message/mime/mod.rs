//! One part of a message, and what its Content-* fields say of it (RFC 2045, 2183, 3282, 2557, 1864).
//!
//! A [`Part`] holds what a BODYSTRUCTURE is made of (RFC 3501 §7.4.2), as plain values. What a header
//! leaves open is filled in with the defaults of RFC 2045 §5.2 and §6.1, so nobody else has to know them.

use crate::message::envelope::Envelope;
use crate::message::extent::Extent;
use crate::message::header::{self, Field, unfold};
use crate::message::tokens::{self, Token, Tokenizer, Word};

/// Most parameters of one field that are kept.
pub(crate) const MAX_PARAMS: usize = 100;

/// A part of a message; the message itself is the part at the root.
///
/// `children` is never empty if the type is `multipart`, and always empty if it is not. `message` is
/// there if and only if the type is `message/rfc822`. Where the content does not bear out what the header
/// says, the type is a different one: a multipart that has no part (no boundary, or none that occurs) is
/// plain text, and a message that was not looked into (it is encoded, or beyond a limit) is
/// `application/octet-stream`. So nothing in it is lost, and every part has the BODYSTRUCTURE of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The header of the part (at the root: of the message), its blank line included.
    pub header: Extent,
    /// The body as it is encoded: `size` and `lines` are those of BODYSTRUCTURE.
    pub body: Extent,
    /// Media type, as written or by default.
    pub media_type: Vec<u8>,
    /// Media subtype.
    pub subtype: Vec<u8>,
    /// Parameters of the type; a text has always a charset.
    pub params: Vec<Param>,
    /// Content-ID.
    pub id: Option<Vec<u8>>,
    /// Content-Description.
    pub description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding, `7BIT` by default.
    pub encoding: Vec<u8>,
    /// Content-MD5.
    pub md5: Option<Vec<u8>>,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Content-Language: tags; empty if there is no such field.
    pub language: Vec<Vec<u8>>,
    /// Content-Location.
    pub location: Option<Vec<u8>>,
    /// The parts of a multipart.
    pub children: Vec<Self>,
    /// The message in a `message/rfc822`.
    pub message: Option<Box<EmbeddedMessage>>,
}

/// One parameter of a field. Values in pieces or in a charset (RFC 2231) are left in pieces, as IMAP has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    /// Attribute, as written.
    pub name: Vec<u8>,
    /// Value, quotes removed.
    pub value: Vec<u8>,
}

/// How a part wants to be shown (RFC 2183).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// `inline`, `attachment`, or anything else, as written.
    pub kind: Vec<u8>,
    /// Its parameters.
    pub params: Vec<Param>,
}

/// A message in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddedMessage {
    /// The octets of its header, as many as were kept.
    pub header_bytes: Vec<u8>,
    /// Its root: `part.header` is the header of the message, `part.body` its text.
    pub part: Part,
}

impl EmbeddedMessage {
    /// Its envelope. It is read when it is asked for, because it takes many times the room of the header.
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope::parse(&self.header_bytes)
    }
}

impl Default for Part {
    /// What a part without any Content-* field is: `text/plain; charset=us-ascii` in 7 bits.
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
    /// True if it has that type, in any case.
    pub(crate) fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.has_type(media_type) && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// True for `multipart/*`.
    pub(crate) fn is_multipart(&self) -> bool {
        self.has_type("multipart")
    }

    /// True for `text/*`, whose lines a BODYSTRUCTURE tells.
    pub(crate) fn is_text(&self) -> bool {
        self.has_type("text")
    }

    /// The value of the first parameter of that name.
    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        let is_named = |param: &&Param| param.name.eq_ignore_ascii_case(name.as_bytes());
        self.params.iter().find(is_named).map(|param| &*param.value)
    }

    fn has_type(&self, media_type: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type.as_bytes())
    }

    /// What the header says. In a digest a part without a type is a message (RFC 2046 §5.1.5).
    pub(super) fn from_header(header: &[u8], in_digest: bool) -> Self {
        let mut part = Self::default();
        if in_digest {
            part.set_type(b"MESSAGE", b"RFC822");
            part.params.clear();
        }
        let mut seen = Vec::new();
        for field in header::fields(header) {
            let Some(index) = FIELDS.iter().position(|(name, _)| field.is(name)) else {
                continue;
            };
            if !seen.contains(&index) {
                seen.push(index);
                FIELDS[index].1(&mut part, &field);
            }
        }
        part
    }

    /// True if the content lies there as it is, so that it can have parts. RFC 2045 §6.4 forbids any
    /// other encoding of multipart and message, but does not make the mail that has one go away.
    pub(super) fn is_identity_encoded(&self) -> bool {
        let known: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
        known
            .iter()
            .any(|name| self.encoding.eq_ignore_ascii_case(name))
    }

    /// Called when the part is complete: mends a type that the content does not bear out.
    pub(super) fn settle(&mut self) {
        if self.is_multipart() && self.children.is_empty() {
            self.set_type(b"TEXT", b"PLAIN");
            self.params = vec![default_charset()];
        } else if self.is("message", "rfc822") && self.message.is_none() {
            self.set_type(b"APPLICATION", b"OCTET-STREAM");
        }
    }

    fn set_type(&mut self, media_type: &[u8], subtype: &[u8]) {
        self.media_type = media_type.to_vec();
        self.subtype = subtype.to_vec();
    }

    /// A type that cannot be read stands for the default (RFC 2045 §5.2).
    fn read_type(&mut self, field: &Field<'_>) {
        let mut tokenizer = Tokenizer::new(field.value);
        let Some((media_type, subtype)) = media_type(&mut tokenizer) else {
            return;
        };
        self.set_type(&media_type, &subtype);
        self.params = params(&mut tokenizer);
        if self.is_text() && self.param("charset").is_none() {
            self.params.push(default_charset());
        }
    }
}

type ReadField = fn(&mut Part, &Field<'_>);

/// How each field is read; of two fields with one name the first counts.
const FIELDS: [(&str, ReadField); 8] = [
    ("Content-Type", Part::read_type),
    ("Content-ID", |part, field| part.id = text(field)),
    ("Content-Description", |part, field| {
        part.description = text(field);
    }),
    ("Content-Transfer-Encoding", |part, field| {
        if let Some(encoding) = first_word(field.value) {
            part.encoding = encoding;
        }
    }),
    ("Content-MD5", |part, field| part.md5 = text(field)),
    ("Content-Disposition", |part, field| {
        part.disposition = disposition(field.value);
    }),
    ("Content-Language", |part, field| {
        part.language = language(field.value);
    }),
    ("Content-Location", |part, field| {
        part.location = text(field);
    }),
];

fn default_charset() -> Param {
    Param {
        name: b"CHARSET".to_vec(),
        value: b"US-ASCII".to_vec(),
    }
}

fn text(field: &Field<'_>) -> Option<Vec<u8>> {
    Some(unfold(field.value)).filter(|text| !text.is_empty())
}

fn first_word(value: &[u8]) -> Option<Vec<u8>> {
    next_word(&mut Tokenizer::new(value)).map(|word| word.text)
}

/// The next token if it is a word; comments are passed over.
fn next_word(tokenizer: &mut Tokenizer<'_>) -> Option<Word> {
    match next_token(tokenizer, tokens::TOKEN_SPECIALS)? {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

fn next_token(tokenizer: &mut Tokenizer<'_>, specials: &[u8]) -> Option<Token> {
    loop {
        match tokenizer.next(specials)? {
            Token::Comment(_) => {}
            token => return Some(token),
        }
    }
}

/// ```text
/// content := "Content-Type" ":" type "/" subtype *(";" parameter)      RFC 2045 §5.1
/// ```
fn media_type(tokenizer: &mut Tokenizer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let media_type = next_word(tokenizer)?;
    match next_token(tokenizer, tokens::TOKEN_SPECIALS)? {
        Token::Special(b'/') => Some((media_type.text, next_word(tokenizer)?.text)),
        _ => None,
    }
}

/// ```text
/// disposition := "Content-Disposition" ":" disposition-type *(";" disposition-parm)    RFC 2183 §2
/// ```
fn disposition(value: &[u8]) -> Option<Disposition> {
    let mut tokenizer = Tokenizer::new(value);
    let kind = next_word(&mut tokenizer)?.text;
    let params = params(&mut tokenizer);
    Some(Disposition { kind, params })
}

/// ```text
/// parameter := attribute "=" value
/// value     := token / quoted-string
/// ```
/// A value that should have been quoted is taken up to the next semicolon; what is no parameter is
/// passed over.
fn params(tokenizer: &mut Tokenizer<'_>) -> Vec<Param> {
    let mut params = Vec::new();
    while params.len() < MAX_PARAMS && skip_to_semicolon(tokenizer) {
        params.extend(param(tokenizer));
    }
    params
}

/// False if there is none. It is left unread, since [`param`] may have stopped right before one.
fn skip_to_semicolon(tokenizer: &mut Tokenizer<'_>) -> bool {
    loop {
        match next_token(tokenizer, tokens::TOKEN_SPECIALS) {
            Some(Token::Special(b';')) => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

fn param(tokenizer: &mut Tokenizer<'_>) -> Option<Param> {
    let mut ahead = tokenizer.clone();
    let name = next_word(&mut ahead)?.text;
    if next_token(&mut ahead, tokens::TOKEN_SPECIALS) != Some(Token::Special(b'=')) {
        return None;
    }
    let mut words = Vec::new();
    loop {
        *tokenizer = ahead.clone();
        match next_token(&mut ahead, tokens::VALUE_SPECIALS) {
            Some(Token::Word(word)) => words.push(word),
            Some(Token::Special(b';')) | None => break,
            Some(_) => {}
        }
    }
    let value = tokens::join_phrase(&words);
    Some(Param { name, value })
}

/// ```text
/// Language-List = Language-Tag [CFWS] *("," [CFWS] Language-Tag [CFWS])      RFC 3282 §2
/// ```
fn language(value: &[u8]) -> Vec<Vec<u8>> {
    let mut tokenizer = Tokenizer::new(value);
    let words = std::iter::from_fn(|| next_token(&mut tokenizer, tokens::TOKEN_SPECIALS))
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.text),
            _ => None,
        });
    words.take(MAX_PARAMS).collect()
}

#[cfg(test)]
mod tests;
