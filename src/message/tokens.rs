//! The tokens of structured fields: words, comments and specials (RFC 822 §3.3, RFC 2045 §5.1).
//!
//! Addresses and MIME fields differ only in which characters are specials, so the set of specials
//! is an argument. The tokenizer takes values as they stand in the file, folded or not: outside
//! quotes it treats any control character as a blank, inside quotes it drops CR, LF and NUL.

use crate::work;

/// Specials of an address list (RFC 822 §3.3), except the period and the backslash: real mail uses
/// both inside atoms, so they are part of an atom here.
pub(super) const ADDRESS_SPECIALS: &[u8] = b"()<>@,;:\"[]";
/// Specials of a MIME token (RFC 2045 §5.1 `tspecials`).
pub(super) const TOKEN_SPECIALS: &[u8] = b"()<>@,;:\\\"/[]?=";
/// Specials in the value of a parameter. Mailers forget to quote all others.
pub(super) const VALUE_SPECIALS: &[u8] = b"();\"";

/// One token of a structured field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// An atom, the content of a quoted string, or a domain literal with its brackets.
    Word(Word),
    /// The text inside the outer parentheses.
    Comment(Vec<u8>),
    /// A special.
    Special(u8),
}

/// A word of a structured field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: Vec<u8>,
    /// True if a blank or a comment separates the word from the token before it.
    pub(super) follows_space: bool,
}

/// Splits the value of a field into tokens.
#[derive(Debug, Clone)]
pub(super) struct Tokenizer<'a> {
    rest: &'a [u8],
    after_comment: bool,
}

/// How far a tokenizer has read a value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TokenizerPosition {
    /// Octets of the value that have been read.
    offset: usize,
    after_comment: bool,
}

impl TokenizerPosition {
    /// Returns how many octets of the value have been read.
    pub(super) fn offset(self) -> usize {
        self.offset
    }
}

impl<'a> Tokenizer<'a> {
    /// Returns a tokenizer at a position in the value.
    pub(super) fn at(value: &'a [u8], position: TokenizerPosition) -> Self {
        Self {
            rest: value.get(position.offset..).unwrap_or_default(),
            after_comment: position.after_comment,
        }
    }

    /// Returns the position in the value, which is the one that the tokenizer was made for.
    pub(super) fn position(&self, value: &[u8]) -> TokenizerPosition {
        TokenizerPosition {
            offset: value.len() - self.rest.len(),
            after_comment: self.after_comment,
        }
    }

    /// Returns a tokenizer at the start of the value.
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            after_comment: false,
        }
    }

    /// Returns the next token, or `None` at the end of the value.
    pub(super) fn next(&mut self, specials: &[u8]) -> Option<Token> {
        work::things(1);
        let follows_space = self.skip_blanks() || self.after_comment;
        self.after_comment = false;
        let (&first, rest) = self.rest.split_first()?;
        let word = |text| {
            Token::Word(Word {
                text,
                follows_space,
            })
        };
        if !specials.contains(&first) {
            return Some(word(self.take_atom(specials)));
        }
        self.rest = rest;
        Some(match first {
            b'"' => word(self.take_enclosed(None, b'"')),
            b'[' => word(self.take_domain_literal()),
            b'(' => {
                self.after_comment = true;
                Token::Comment(self.take_enclosed(Some(b'('), b')'))
            }
            special => Token::Special(special),
        })
    }

    fn skip_blanks(&mut self) -> bool {
        let is_blank = |&b: &u8| b <= b' ' || b == 0x7f;
        let count = self.rest.iter().take_while(|b| is_blank(b)).count();
        work::octets(count);
        self.rest = &self.rest[count..];
        count > 0
    }

    /// ```text
    /// atom = 1*<any CHAR except specials, SPACE and CTLs>
    /// ```
    fn take_atom(&mut self, specials: &[u8]) -> Vec<u8> {
        let ends = |b: &u8| *b <= b' ' || *b == 0x7f || specials.contains(b);
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(length);
        self.rest = rest;
        work::octets(specials.len() * length);
        atom.to_vec()
    }

    /// Returns the text up to the closing character, or up to the end of the value if there is
    /// none. Resolves quoted pairs, and keeps pairs of `open` and `close` inside. The caller has
    /// taken the opening character already.
    ///
    /// ```text
    /// quoted-string = <"> *(qtext/quoted-pair) <">
    /// comment       = "(" *(ctext / quoted-pair / comment) ")"
    /// quoted-pair   = "\" CHAR
    /// ```
    fn take_enclosed(&mut self, open: Option<u8>, close: u8) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 1usize;
        while let Some(mut octet) = self.take() {
            work::octets(1);
            if octet == b'\\' {
                let Some(quoted) = self.take() else { break };
                octet = quoted;
            } else if octet == close {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if Some(octet) == open {
                depth += 1;
            }
            if !matches!(octet, b'\r' | b'\n' | 0) {
                text.push(octet);
            }
        }
        text
    }

    /// ```text
    /// domain-literal = "[" *(dtext / quoted-pair) "]"
    /// ```
    fn take_domain_literal(&mut self) -> Vec<u8> {
        let mut text = vec![b'['];
        text.append(&mut self.take_enclosed(None, b']'));
        text.push(b']');
        text
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// Stands in [`Words`] where a blank or a comment separates two words. No word contains it.
const GAP: u8 = 0;
/// The same where the second word is empty. No word contains it either.
const GAP_BEFORE_EMPTY: u8 = b'\n';

/// The words of a phrase, a local part, a domain or a value. They are kept in one piece, because
/// thousands of words of one octet would take dozens of times their size otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// The words one behind another, with a [`GAP`] where two are apart.
    text: Vec<u8>,
    /// What stands before the first word, if there is a word.
    first: Option<Gap>,
}

/// What stands before a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    BlankBeforeText,
    BlankBeforeEmpty,
}

impl Words {
    /// Returns true if there are no words.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a word.
    pub(super) fn push(&mut self, word: &Word) {
        let gap = match (word.follows_space, word.text.is_empty()) {
            (false, _) => Gap::Nothing,
            (true, false) => Gap::BlankBeforeText,
            (true, true) => Gap::BlankBeforeEmpty,
        };
        self.push_text(gap, &word.text);
    }

    /// Adds a special as a word that nothing separates from the word before it.
    pub(super) fn push_special(&mut self, special: u8) {
        self.push_text(Gap::Nothing, &[special]);
    }

    /// Adds the words of `other` behind these.
    pub(super) fn append(&mut self, other: &Self) {
        if let Some(gap) = other.first {
            self.push_text(gap, &other.text);
        }
    }

    fn push_text(&mut self, gap: Gap, text: &[u8]) {
        match (self.first, gap) {
            (None, gap) => self.first = Some(gap),
            (Some(_), Gap::Nothing) => {}
            (Some(_), Gap::BlankBeforeText) => self.text.push(GAP),
            (Some(_), Gap::BlankBeforeEmpty) => self.text.push(GAP_BEFORE_EMPTY),
        }
        self.text.extend_from_slice(text);
    }

    /// Joins the words of a phrase, with one blank where the value has blanks or comments between
    /// them.
    pub(super) fn join_phrase(mut self) -> Vec<u8> {
        for octet in &mut self.text {
            if matches!(*octet, GAP | GAP_BEFORE_EMPTY) {
                *octet = b' ';
            }
        }
        self.text
    }

    /// Joins the words of a local part or a domain like a phrase, but without the blanks around a
    /// period, which RFC 5322 §4.4 allows.
    pub(super) fn join_dotted(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.text.len());
        for (at, &octet) in self.text.iter().enumerate() {
            match octet {
                GAP | GAP_BEFORE_EMPTY if text.last() == Some(&b'.') => {}
                GAP if self.text.get(at + 1) == Some(&b'.') => {}
                GAP | GAP_BEFORE_EMPTY => text.push(b' '),
                octet => text.push(octet),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(value: &[u8]) -> Vec<Token> {
        let mut tokenizer = Tokenizer::new(value);
        std::iter::from_fn(|| tokenizer.next(ADDRESS_SPECIALS)).collect()
    }

    fn word(text: &str, follows_space: bool) -> Token {
        let text = text.as_bytes().to_vec();
        Token::Word(Word {
            text,
            follows_space,
        })
    }

    #[test]
    fn splits_a_value_into_words_comments_and_specials() {
        assert_eq!(
            tokens(b"a.b@ [1.2]\r\n (c (d\\)) e)\"f\\\"\r\n g\"h"),
            [
                word("a.b", false),
                Token::Special(b'@'),
                word("[1.2]", true),
                Token::Comment(b"c (d)) e".to_vec()),
                word("f\" g", true),
                word("h", false),
            ]
        );
    }

    #[test]
    fn an_unclosed_quote_literal_or_comment_ends_with_the_value() {
        assert_eq!(tokens(b"\"a"), [word("a", false)]);
        assert_eq!(tokens(b"\"a\\"), [word("a", false)]);
        assert_eq!(tokens(b"[a"), [word("[a]", false)]);
        assert_eq!(tokens(b"(a(b)"), [Token::Comment(b"a(b)".to_vec())]);
        assert_eq!(tokens(b")]"), [Token::Special(b')'), Token::Special(b']')]);
        assert_eq!(tokens(b" \r\n\t\0 "), []);
    }

    #[test]
    fn a_deep_comment_is_read_without_recursion() {
        let deep = vec![b'('; 1 << 20];
        assert_eq!(tokens(&deep).len(), 1);
    }

    proptest! {
        #[test]
        fn the_tokenizer_ends_and_no_word_has_a_line_end(value in prop::collection::vec(any::<u8>(), 0..100)) {
            for specials in [ADDRESS_SPECIALS, TOKEN_SPECIALS, VALUE_SPECIALS] {
                let mut tokenizer = Tokenizer::new(&value);
                for _ in 0..=value.len() {
                    if let Some(Token::Word(word)) = tokenizer.next(specials) {
                        prop_assert!(!word.text.iter().any(|b| b"\r\n\0".contains(b)));
                    }
                }
                prop_assert_eq!(tokenizer.next(specials), None, "each token takes one octet or more");
            }
        }
    }
}
