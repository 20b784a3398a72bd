//! Reads a part from the Content-* fields of its header.

use super::part::{Disposition, Param, Part, default_charset};
use crate::message::header::{self, Field, unfold};
use crate::message::tokens::{self, Token, Tokenizer, Word};

/// Most parameters of one field that are kept.
pub(super) const MAX_PARAMS: usize = 100;

/// Returns the part that a header describes. In a digest, a part without a Content-Type field is a
/// message (RFC 2046 §5.1.5). Of two fields with the same name the first counts.
pub(in crate::message) fn parse_part(header: &[u8], in_digest: bool) -> Part {
    let mut part = Part::default();
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

type ReadField = fn(&mut Part, &Field<'_>);

/// Each field with the function that reads it into the part.
const FIELDS: [(&str, ReadField); 8] = [
    ("Content-Type", read_type),
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
        part.disposition = parse_disposition(field.value);
    }),
    ("Content-Language", |part, field| {
        part.language = parse_language(field.value);
    }),
    ("Content-Location", |part, field| {
        part.location = text(field);
    }),
];

/// Reads the media type. A type that cannot be parsed stands for the default (RFC 2045 §5.2).
fn read_type(part: &mut Part, field: &Field<'_>) {
    let mut tokenizer = Tokenizer::new(field.value);
    let Some((media_type, subtype)) = parse_media_type(&mut tokenizer) else {
        return;
    };
    part.set_type(&media_type, &subtype);
    part.params = parse_params(&mut tokenizer);
    if part.is_text() && part.param("charset").is_none() {
        part.params.push(default_charset());
    }
}

fn text(field: &Field<'_>) -> Option<Vec<u8>> {
    Some(unfold(field.value)).filter(|text| !text.is_empty())
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
fn parse_media_type(tokenizer: &mut Tokenizer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let media_type = next_word(tokenizer)?;
    match next_token(tokenizer, tokens::TOKEN_SPECIALS)? {
        Token::Special(b'/') => Some((media_type.text, next_word(tokenizer)?.text)),
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
fn parse_language(value: &[u8]) -> Vec<Vec<u8>> {
    let mut tokenizer = Tokenizer::new(value);
    let words = std::iter::from_fn(|| next_token(&mut tokenizer, tokens::TOKEN_SPECIALS))
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.text),
            _ => None,
        });
    words.take(MAX_PARAMS).collect()
}
