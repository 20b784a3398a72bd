//! Reads the Content-* fields of a header, one field at a time.

use super::content::{Content, Disposition, Param, default_charset};
use super::media_type::MediaType;
use crate::message::header::{self, Field, unfold};
use crate::message::tokens::{self, Token, Tokenizer, Word, Words};

/// Most parameters of one field that are kept.
pub(super) const MAX_PARAMS: usize = 100;
/// Most octets of the value of one field that are parsed: as many as are kept of the header of a
/// part.
const MAX_VALUE: usize = 64 * 1024;
/// How much longer it takes to parse an octet of a Content-* field than to scan it. A hostile field
/// has a token in every octet.
const PARSING: usize = 40;
/// Octets that are scanned in the time that a field takes, however short it is.
const FIELD: usize = 64;

/// What a header says of the content, as far as its fields have been read. It is a cursor over the
/// fields: its caller stops between two fields when the budget is spent.
#[derive(Debug)]
pub(crate) struct ContentReader {
    content: Content,
    /// Index of the next field.
    at: usize,
    /// Which of [`FIELDS`] were read already: of two fields with the same name the first counts.
    seen: [bool; FIELDS.len()],
    /// Which of [`FIELDS`] are read: those before this index.
    wanted: usize,
}

impl ContentReader {
    /// Begins to read all fields. In a digest, a part without a Content-Type field is a message
    /// (RFC 2046 §5.1.5).
    pub(crate) fn new(in_digest: bool) -> Self {
        let mut content = Content::default();
        if in_digest {
            content.media_type = MediaType::new(b"MESSAGE", b"RFC822");
            content.params.clear();
        }
        Self {
            content,
            at: 0,
            seen: [false; FIELDS.len()],
            wanted: FIELDS.len(),
        }
    }

    /// Begins to read only the type and the transfer encoding.
    pub(in crate::message) fn of_type_and_encoding(in_digest: bool) -> Self {
        Self {
            wanted: TYPE_AND_ENCODING,
            ..Self::new(in_digest)
        }
    }

    /// Reads the next field of the header, the same header in each call, and returns how many
    /// octets could have been scanned in that time; `None` after the last one.
    pub(crate) fn pass(&mut self, header: &[u8]) -> Option<usize> {
        let field = header::fields_from(header, self.at).next()?;
        Some(self.read(&field))
    }

    /// Reads the fields of a header that is still growing, and returns how many octets could have
    /// been scanned in that time. The last field may go on, and is not read yet.
    pub(in crate::message) fn pass_complete(&mut self, header: &[u8]) -> usize {
        let fields = header::fields_from(header, self.at);
        let complete = fields.take_while(|field| field.range.end < header.len());
        complete.map(|field| self.read(&field)).sum()
    }

    /// Returns the octets of memory that the fields take which have been read.
    pub(crate) fn memory(&self) -> usize {
        self.content.memory()
    }

    /// Returns what the fields say.
    pub(crate) fn finish(self) -> Content {
        self.content
    }

    /// Reads a field, and returns how many octets could have been scanned in that time.
    fn read(&mut self, field: &Field<'_>) -> usize {
        self.at = field.range.end;
        let work = FIELD + field.range.len();
        let start = field.name.get(..PREFIX.len());
        if !start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
            return work;
        }
        let fields = &FIELDS[..self.wanted];
        let index = fields.iter().position(|(name, _)| field.is(name));
        let Some(index) = index.filter(|&index| !self.seen[index]) else {
            return work;
        };
        self.seen[index] = true;
        let value = &field.value[..field.value.len().min(MAX_VALUE)];
        FIELDS[index].1(&mut self.content, value);
        work + PARSING * value.len()
    }
}

type ReadField = fn(&mut Content, &[u8]);

/// The beginning of all names in [`FIELDS`].
const PREFIX: &[u8] = b"Content-";
/// How many of [`FIELDS`] decide what the body of a part contains.
const TYPE_AND_ENCODING: usize = 2;

/// Each field with the function that reads its value into the content.
const FIELDS: [(&str, ReadField); 8] = [
    ("Content-Type", read_type),
    ("Content-Transfer-Encoding", |content, value| {
        if let Some(encoding) = first_word(value) {
            content.encoding = encoding;
        }
    }),
    ("Content-ID", |content, value| content.id = text(value)),
    ("Content-Description", |content, value| {
        content.description = text(value);
    }),
    ("Content-MD5", |content, value| content.md5 = text(value)),
    ("Content-Disposition", |content, value| {
        content.disposition = parse_disposition(value);
    }),
    ("Content-Language", |content, value| {
        content.language = parse_language(value);
    }),
    ("Content-Location", |content, value| {
        content.location = text(value);
    }),
];

/// Reads the media type. A type that cannot be parsed stands for the default (RFC 2045 §5.2).
fn read_type(content: &mut Content, value: &[u8]) {
    let mut tokenizer = Tokenizer::new(value);
    let Some(media_type) = parse_media_type(&mut tokenizer) else {
        return;
    };
    content.media_type = media_type;
    content.params = parse_params(&mut tokenizer);
    if content.media_type.is_text() && content.param("charset").is_none() {
        content.params.push(default_charset());
    }
}

fn text(value: &[u8]) -> Option<Vec<u8>> {
    Some(unfold(value)).filter(|text| !text.is_empty())
}

fn first_word(value: &[u8]) -> Option<Vec<u8>> {
    next_word(&mut Tokenizer::new(value)).map(|word| word.text)
}

/// Returns the next token if it is a word. Skips comments.
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
fn parse_media_type(tokenizer: &mut Tokenizer<'_>) -> Option<MediaType> {
    let top_level = next_word(tokenizer)?.text;
    match next_token(tokenizer, tokens::TOKEN_SPECIALS)? {
        Token::Special(b'/') => Some(MediaType {
            top_level,
            subtype: next_word(tokenizer)?.text,
        }),
        _ => None,
    }
}

/// ```text
/// disposition := "Content-Disposition" ":" disposition-type *(";" disposition-parm)    RFC 2183 §2
/// ```
fn parse_disposition(value: &[u8]) -> Option<Disposition> {
    let mut tokenizer = Tokenizer::new(value);
    let kind = next_word(&mut tokenizer)?.text;
    let params = parse_params(&mut tokenizer);
    Some(Disposition { kind, params })
}

/// ```text
/// parameter := attribute "=" value
/// value     := token / quoted-string
/// ```
/// A value that should have been quoted ends at the next semicolon. Skips what is not a parameter.
fn parse_params(tokenizer: &mut Tokenizer<'_>) -> Vec<Param> {
    let mut params = Vec::new();
    while params.len() < MAX_PARAMS && skip_to_semicolon(tokenizer) {
        params.extend(parse_param(tokenizer));
    }
    params
}

/// Skips to behind the next semicolon; returns false if there is none. [`parse_param`] leaves the
/// semicolon behind a parameter unread, so this finds it.
fn skip_to_semicolon(tokenizer: &mut Tokenizer<'_>) -> bool {
    loop {
        match next_token(tokenizer, tokens::TOKEN_SPECIALS) {
            Some(Token::Special(b';')) => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

fn parse_param(tokenizer: &mut Tokenizer<'_>) -> Option<Param> {
    let mut ahead = tokenizer.clone();
    let name = next_word(&mut ahead)?.text;
    if next_token(&mut ahead, tokens::TOKEN_SPECIALS) != Some(Token::Special(b'=')) {
        return None;
    }
    let mut words = Words::default();
    loop {
        *tokenizer = ahead.clone();
        match next_token(&mut ahead, tokens::VALUE_SPECIALS) {
            Some(Token::Word(word)) => words.push(&word),
            Some(Token::Special(b';')) | None => break,
            Some(_) => {}
        }
    }
    let value = words.join_phrase();
    Some(Param { name, value })
}

/// ```text
/// Language-List = Language-Tag [CFWS] *("," [CFWS] Language-Tag [CFWS])      RFC 3282 §2
/// ```
fn parse_language(value: &[u8]) -> Vec<Vec<u8>> {
    let mut tokenizer = Tokenizer::new(value);
    let words = std::iter::from_fn(|| next_token(&mut tokenizer, tokens::TOKEN_SPECIALS))
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.text),
            _ => None,
        });
    words.take(MAX_PARAMS).collect()
}
