//! Lists of addresses, parsed for the envelope.
//!
//! ```text
//! address     = mailbox / group                                       RFC 822 §6.1
//! group       = phrase ":" [#mailbox] ";"
//! mailbox     = addr-spec / phrase route-addr
//! route-addr  = "<" [route] addr-spec ">"
//! route       = 1#("@" domain) ":"
//! addr-spec   = local-part "@" domain
//! ```
//!
//! Comments may stand anywhere. If there is no phrase, a comment is the personal name, as in
//! `jo@x.org (Jo Doe)`: this is how mailers wrote names at the time of RFC 1064. The parser never
//! fails, and keeps as much as it can of a list that does not follow the grammar.

use crate::message::tokens::{self, Token, Tokenizer, Word};

/// Most addresses parsed of one field. The longest header that the scanner keeps has room for about
/// as many real addresses. Without the limit, a hostile header could make the server keep a hundred
/// octets for every two octets of the header.
pub(super) const MAX_ADDRESSES: usize = 8192;

/// One address, or the start or end of a group (RFC 1064 p. 16, RFC 3501 §7.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    /// Personal name without quotes. Encoded words (RFC 2047) stay encoded.
    pub(crate) name: Option<Vec<u8>>,
    /// Source route, such as `@a,@b`.
    pub(crate) route: Option<Vec<u8>>,
    /// Local part without quotes. At the start of a group the name of the group, at its end `None`.
    pub(crate) mailbox: Option<Vec<u8>>,
    /// Domain. Empty for an address without one, because `None` marks a group.
    pub(crate) host: Option<Vec<u8>>,
}

impl Address {
    /// Returns the marker of the start of a group.
    fn group_start(name: Vec<u8>) -> Self {
        Self {
            mailbox: Some(name),
            ..Self::default()
        }
    }

    /// Returns the marker of the end of a group.
    fn group_end() -> Self {
        Self::default()
    }
}

/// Returns the addresses in the value of a field, folded or not: at most [`MAX_ADDRESSES`], and the
/// end of the group that is still open then.
pub(crate) fn parse(value: &[u8]) -> Vec<Address> {
    let mut parser = AddressParser {
        tokenizer: Tokenizer::new(value),
        list: Vec::new(),
        draft: AddressDraft::default(),
        in_group: false,
    };
    parser.parse_list();
    parser.list
}

/// Returns the first address in the value of a field, which may be the start of a group.
pub(crate) fn parse_first(value: &[u8]) -> Option<Address> {
    // Headers are bounded, so that parsing the whole list costs little.
    parse(value).into_iter().next()
}

/// What the parser has read of the current address.
#[derive(Default)]
struct AddressDraft {
    spec: AddrSpec,
    /// Route and address in angle brackets. If they are there, `spec` is the personal name before
    /// them.
    angle: Option<(Option<Vec<u8>>, AddrSpec)>,
    comment: Option<Vec<u8>>,
}

/// An addr-spec, or a phrase: which of the two is known only at the end of the address.
#[derive(Default)]
struct AddrSpec {
    local: Vec<Word>,
    domain: Option<Vec<Word>>,
}

/// The parser of one list.
struct AddressParser<'a> {
    tokenizer: Tokenizer<'a>,
    list: Vec<Address>,
    draft: AddressDraft,
    in_group: bool,
}

impl AddressParser<'_> {
    fn parse_list(&mut self) {
        while self.list.len() < MAX_ADDRESSES {
            let Some(token) = self.tokenizer.next(tokens::ADDRESS_SPECIALS) else {
                break;
            };
            match token {
                Token::Comment(text) => self.draft.comment = Some(text),
                Token::Special(b'<') => self.parse_angle(),
                Token::Special(b',') => self.end_address(),
                Token::Special(b':') => self.start_group(),
                // Outside a group, some mailers write a semicolon instead of a comma.
                Token::Special(b';') => {
                    self.end_address();
                    self.end_group();
                }
                token => self.draft.spec.add(token),
            }
        }
        self.end_address();
        self.end_group();
    }

    /// Handles a `:`. Groups do not nest, so that inside a group it is part of an address.
    fn start_group(&mut self) {
        if self.in_group {
            return self.draft.spec.add(Token::Special(b':'));
        }
        let name = std::mem::take(&mut self.draft).spec.into_text();
        self.list.push(Address::group_start(name));
        self.in_group = true;
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.list.push(Address::group_end());
        }
    }

    fn end_address(&mut self) {
        self.list
            .extend(std::mem::take(&mut self.draft).into_address());
    }

    /// Parses what follows a `<`. Without a `>` it ends at the first comma outside a route.
    fn parse_angle(&mut self) {
        let (mut route, mut spec) = (None, AddrSpec::default());
        while let Some(token) = self.tokenizer.next(tokens::ADDRESS_SPECIALS) {
            match token {
                Token::Comment(text) => self.draft.comment = Some(text),
                Token::Special(b'>') => break,
                Token::Special(b'@') if spec.is_empty() && route.is_none() => {
                    route = Some(self.parse_route());
                }
                Token::Special(b',') => {
                    self.draft.angle = Some((route, spec));
                    return self.end_address();
                }
                token => spec.add(token),
            }
        }
        self.draft.angle = Some((route, spec));
    }

    /// Parses what follows the first `@` of a route, up to its colon.
    fn parse_route(&mut self) -> Vec<u8> {
        let mut route = vec![b'@'];
        let mut ahead = self.tokenizer.clone();
        while let Some(token) = ahead.next(tokens::ADDRESS_SPECIALS) {
            match token {
                Token::Special(b':') => {
                    self.tokenizer = ahead;
                    break;
                }
                // This was not a route: the caller reads the bracket.
                Token::Special(b'>') => break,
                Token::Special(special) => route.push(special),
                Token::Word(word) => route.extend_from_slice(&word.text),
                Token::Comment(_) => {}
            }
            self.tokenizer = ahead.clone();
        }
        route
    }
}

impl AddressDraft {
    fn into_address(self) -> Option<Address> {
        let Self {
            spec,
            angle,
            comment,
        } = self;
        let (name, route, spec) = match angle {
            Some((route, inner)) => (spec.into_text(), route, inner),
            None if spec.is_empty() => return None,
            None => (Vec::new(), None, spec),
        };
        let name = if name.is_empty() {
            comment.unwrap_or_default().trim_ascii().to_vec()
        } else {
            name
        };
        Some(Address {
            name: Some(name).filter(|name| !name.is_empty()),
            route,
            mailbox: Some(tokens::join_dotted(&spec.local)),
            host: Some(tokens::join_dotted(
                spec.domain.as_deref().unwrap_or_default(),
            )),
        })
    }
}

impl AddrSpec {
    fn is_empty(&self) -> bool {
        self.local.is_empty() && self.domain.is_none()
    }

    fn add(&mut self, token: Token) {
        match token {
            Token::Word(word) => self.words().push(word),
            Token::Special(b'@') => self.split_here(),
            // These specials have no meaning here and stay part of the address. All others are
            // dropped.
            Token::Special(special @ (b':' | b'<')) => self.words().push(Word {
                text: vec![special],
                follows_space: false,
            }),
            Token::Special(_) | Token::Comment(_) => {}
        }
    }

    fn words(&mut self) -> &mut Vec<Word> {
        self.domain.as_mut().unwrap_or(&mut self.local)
    }

    /// Handles an `@`. The last of several counts, as in mail delivery.
    fn split_here(&mut self) {
        if let Some(domain) = self.domain.replace(Vec::new()) {
            self.push_local_at();
            self.local.extend(domain);
        }
    }

    fn push_local_at(&mut self) {
        self.local.push(Word {
            text: vec![b'@'],
            follows_space: false,
        });
    }

    /// Returns the whole text as a personal name: people do write `jo@x.org <jo@x.org>`.
    fn into_text(mut self) -> Vec<u8> {
        if let Some(domain) = self.domain.take() {
            self.push_local_at();
            self.local.extend(domain);
        }
        tokens::join_phrase(&self.local)
    }
}

#[cfg(test)]
mod tests;
