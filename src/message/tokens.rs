//! The lexical layer of structured fields: words, comments and specials (RFC 822 §3.3, RFC 2045 §5.1).
//!
//! Addresses and MIME fields differ only in which characters are specials, so the set is an argument.
//! The tokenizer takes values as they stand in the file, folded or not: outside of quotes any control
//! character is a blank, inside of them CR, LF and NUL are dropped.

/// Specials of an address list (RFC 822 §3.3), without those that cannot be told from letters in real
/// mail: a period is part of an atom, and so is a backslash.
pub(super) const ADDRESS_SPECIALS: &[u8] = b"()<>@,;:\"[]";
/// Specials of a MIME token (RFC 2045 §5.1 `tspecials`).
pub(super) const TOKEN_SPECIALS: &[u8] = b"()<>@,;:\\\"/[]?=";
/// Specials in the value of a parameter: mailers forget to quote all others.
pub(super) const VALUE_SPECIALS: &[u8] = b"();\"";

/// One token of a structured field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// An atom, the content of a quoted string, or a domain literal with its brackets.
    Word(Word),
    /// The text within the outer parentheses.
    Comment(Vec<u8>),
    /// One of the specials.
    Special(u8),
}

/// A word, and whether there was something between it and what stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: Vec<u8>,
    pub(super) follows_space: bool,
}

/// Takes a value apart.
#[derive(Debug, Clone)]
pub(super) struct Tokenizer<'a> {
    rest: &'a [u8],
    after_comment: bool,
}

impl<'a> Tokenizer<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            after_comment: false,
        }
    }

    /// The next token; `None` at the end of the value.
    pub(super) fn next(&mut self, specials: &[u8]) -> Option<Token> {
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
            return Some(word(self.atom(specials)));
        }
        self.rest = rest;
        Some(match first {
            b'"' => word(self.enclosed(None, b'"')),
            b'[' => word(self.domain_literal()),
            b'(' => {
                self.after_comment = true;
                Token::Comment(self.enclosed(Some(b'('), b')'))
            }
            special => Token::Special(special),
        })
    }

    fn skip_blanks(&mut self) -> bool {
        let is_blank = |&b: &u8| b <= b' ' || b == 0x7f;
        let count = self.rest.iter().take_while(|b| is_blank(b)).count();
        self.rest = &self.rest[count..];
        count > 0
    }

    /// ```text
    /// atom = 1*<any CHAR except specials, SPACE and CTLs>
    /// ```
    fn atom(&mut self, specials: &[u8]) -> Vec<u8> {
        let ends = |b: &u8| *b <= b' ' || *b == 0x7f || specials.contains(b);
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(length);
        self.rest = rest;
        atom.to_vec()
    }

    /// The text up to the closing character, or to the end if there is none; quoted pairs are resolved,
    /// and pairs of `open` and `close` within stay. The opening character is taken already.
    ///
    /// ```text
    /// quoted-string = <"> *(qtext/quoted-pair) <">
    /// comment       = "(" *(ctext / quoted-pair / comment) ")"
    /// quoted-pair   = "\" CHAR
    /// ```
    fn enclosed(&mut self, open: Option<u8>, close: u8) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 1usize;
        while let Some(mut octet) = self.take() {
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
    fn domain_literal(&mut self) -> Vec<u8> {
        let mut text = vec![b'['];
        text.append(&mut self.enclosed(None, b']'));
        text.push(b']');
        text
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// The words as a phrase: one blank where there was one or more, none where there was none.
pub(super) fn join_phrase(words: &[Word]) -> Vec<u8> {
    join(words, |_, word| word.follows_space)
}

/// The words as a local part or a domain: like a phrase, without blanks around a period
/// (RFC 5322 §4.4 allows them).
pub(super) fn join_dotted(words: &[Word]) -> Vec<u8> {
    join(words, |before, word| {
        word.follows_space && before.last() != Some(&b'.') && word.text.first() != Some(&b'.')
    })
}

fn join(words: &[Word], is_apart: impl Fn(&[u8], &Word) -> bool) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 && is_apart(&text, word) {
            text.push(b' ');
        }
        text.extend_from_slice(&word.text);
    }
    text
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
    fn takes_values_apart() {
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
    fn forgives_what_is_not_closed() {
        assert_eq!(tokens(b"\"a"), [word("a", false)]);
        assert_eq!(tokens(b"\"a\\"), [word("a", false)]);
        assert_eq!(tokens(b"[a"), [word("[a]", false)]);
        assert_eq!(tokens(b"(a(b)"), [Token::Comment(b"a(b)".to_vec())]);
        assert_eq!(tokens(b")]"), [Token::Special(b')'), Token::Special(b']')]);
        assert_eq!(tokens(b" \r\n\t\0 "), []);
    }

    #[test]
    fn deep_comments_are_no_recursion() {
        let deep = vec![b'('; 1 << 20];
        assert_eq!(tokens(&deep).len(), 1);
    }

    proptest! {
        #[test]
        fn ends_and_holds_no_line_end(value in prop::collection::vec(any::<u8>(), 0..100)) {
            for specials in [ADDRESS_SPECIALS, TOKEN_SPECIALS, VALUE_SPECIALS] {
                let mut tokenizer = Tokenizer::new(&value);
                for _ in 0..=value.len() {
                    if let Some(Token::Word(word)) = tokenizer.next(specials) {
                        prop_assert!(!word.text.iter().any(|b| b"\r\n\0".contains(b)));
                    }
                }
                prop_assert_eq!(tokenizer.next(specials), None, "each token takes at least an octet");
            }
        }
    }
}
